"""The asyncio form of a download, which the programs of this folder share."""


class session:
    async def __aenter__(self):
        global client
        import aiohttp
        client = await aiohttp.ClientSession().__aenter__()

    async def __aexit__(self, *error):
        await client.__aexit__(*error)


async def get(url):
    async with client.get(url) as answer:
        return await answer.read()

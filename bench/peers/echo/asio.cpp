// Boost.Asio: an echo server. Prints its port.
#include <boost/asio.hpp>
#include <cstdio>
#include <memory>

using boost::asio::ip::tcp;

struct connection : std::enable_shared_from_this<connection> {
    explicit connection(tcp::socket socket) : socket(std::move(socket)) {}

    void read()
    {
        socket.async_read_some(boost::asio::buffer(data),
                               [self = shared_from_this()](auto error, std::size_t size) {
                                   if (!error)
                                       self->write(size);
                               });
    }

    void write(std::size_t size)
    {
        boost::asio::async_write(socket, boost::asio::buffer(data, size),
                                 [self = shared_from_this()](auto error, std::size_t) {
                                     if (!error)
                                         self->read();
                                 });
    }

    tcp::socket socket;
    char data[4096];
};

static void accept(tcp::acceptor &acceptor)
{
    acceptor.async_accept([&acceptor](auto error, tcp::socket socket) {
        if (!error) {
            socket.set_option(tcp::no_delay(true));
            std::make_shared<connection>(std::move(socket))->read();
        }
        accept(acceptor);
    });
}

int main()
{
    boost::asio::io_context context(1);
    tcp::acceptor acceptor(context, {boost::asio::ip::address_v4::loopback(), 0});
    std::printf("%u\n", acceptor.local_endpoint().port());
    std::fflush(stdout);
    accept(acceptor);
    context.run();
}

/* The page's style and script, as text that ends in a zero byte. */
        .section .rodata
        .globl ovl_page_css
        .hidden ovl_page_css
        .globl ovl_page_js
        .hidden ovl_page_js
ovl_page_css:
        .incbin "page.css"
        .byte 0
ovl_page_js:
        .incbin "page.js"
        .byte 0
        .section .note.GNU-stack, "", %progbits

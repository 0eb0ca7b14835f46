/*
 * int ovl__switch(void **save, void *load)
 *
 * Stores what a called function must preserve on the present stack, its pointer in *save, and goes on
 * where the stack `load` was left. Signal masks are not touched. Returns 0.
 *
 * void ovl__switch_entry(void)
 *
 * Where a new stack goes on: calls the function in the first preserved register with the argument in
 * the second (see first_frame in coroutine.c), and goes on where the stack that it returns was left.
 * It ends every backtrace.
 */
#if defined(__x86_64__)

/*
 * What lies on the stack of one that does not run, from its stack pointer on:
 *
 *     0  mxcsr, 4 bytes; 4  x87 control word, 2 bytes; 6  1 where it never ran, 2 bytes
 *     8  r15, r14, r13, r12, rbx, rbp; 56  where it goes on
 *
 * Returns are paired with calls wherever control changes stacks, so that the predictor of returns stays
 * in step: one wrong guess for each frame would cost more than all the rest. Who is gone on with left by
 * a call of ovl__switch too, so that `ret` is right; who never ran is jumped to.
 */
    .text
    .globl ovl__switch
    .hidden ovl__switch
    .type ovl__switch, @function
    .p2align 4
ovl__switch:
    .cfi_startproc
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    pushq $0
    stmxcsr (%rsp)              /* the rounding modes are preserved too… */
    fnstcw 4(%rsp)
    movl (%rsp), %eax
    movzwl 4(%rsp), %ecx
    movq %rsp, (%rdi)
    movq %rsi, %rsp
go_on:
    xorl (%rsp), %eax           /* …but loading them takes long, and they hardly ever differ: not in */
    xorl 4(%rsp), %ecx          /* the bits that a call preserves, those above the flags of what */
    andl $0xffc0, %eax          /* happened, which are mxcsr's lowest six */
    orl %eax, %ecx              /* %eax, what is returned, is 0 where this is */
    jnz go_on_rarely
    addq $8, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
go_on_rarely:                   /* other modes, or the first time */
    ldmxcsr (%rsp)
    fldcw 4(%rsp)
    movzwl 6(%rsp), %ecx
    addq $8, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    xorl %eax, %eax
    testl %ecx, %ecx
    jnz 0f
    ret
0:  popq %rcx
    jmpq *%rcx
    .cfi_endproc
    .size ovl__switch, . - ovl__switch

    .globl ovl__switch_entry
    .hidden ovl__switch_entry
    .type ovl__switch_entry, @function
    .p2align 4
ovl__switch_entry:
    .cfi_startproc
    .cfi_undefined rip
    movq %r12, %rdi
    callq *%rbx
    movq %rax, %rsi             /* and from here on as above, but nothing is preserved */
    pushq $0
    stmxcsr (%rsp)
    fnstcw 4(%rsp)
    movl (%rsp), %eax
    movzwl 4(%rsp), %ecx
    movq %rsi, %rsp
    jmp go_on
    .cfi_endproc
    .size ovl__switch_entry, . - ovl__switch_entry

#elif defined(__aarch64__)

    .text
    .globl ovl__switch
    .hidden ovl__switch
    .type ovl__switch, %function
    .p2align 4
ovl__switch:
    .cfi_startproc
    sub sp, sp, #176
    stp x19, x20, [sp, #0]
    stp x21, x22, [sp, #16]
    stp x23, x24, [sp, #32]
    stp x25, x26, [sp, #48]
    stp x27, x28, [sp, #64]
    stp x29, x30, [sp, #80]
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    mrs x9, fpcr                /* the rounding mode is preserved too */
    stp x9, xzr, [sp, #160]
    mov x9, sp
    str x9, [x0]
go_on:
    mov sp, x1
    ldr x9, [sp, #160]
    msr fpcr, x9
    ldp d14, d15, [sp, #144]
    ldp d12, d13, [sp, #128]
    ldp d10, d11, [sp, #112]
    ldp d8, d9, [sp, #96]
    ldp x29, x30, [sp, #80]
    ldp x27, x28, [sp, #64]
    ldp x25, x26, [sp, #48]
    ldp x23, x24, [sp, #32]
    ldp x21, x22, [sp, #16]
    ldp x19, x20, [sp, #0]
    add sp, sp, #176
    mov w0, #0
    ret
    .cfi_endproc
    .size ovl__switch, . - ovl__switch

    .globl ovl__switch_entry
    .hidden ovl__switch_entry
    .type ovl__switch_entry, %function
ovl__switch_entry:
    .cfi_startproc
    .cfi_undefined x30
    mov x0, x20
    blr x19
    mov x1, x0
    b go_on
    .cfi_endproc
    .size ovl__switch_entry, . - ovl__switch_entry

#else
#error "overlap runs on x86-64 and aarch64"
#endif

    .section .note.GNU-stack, "", %progbits

#include "go_asm.h"
#include "textflag.h"

DATA ·all+0(SB)/8, $-1			// all signals
GLOBL ·all(SB), NOPTR|RODATA, $8

// func Spawn(p *Program) int
TEXT ·Spawn(SB), NOSPLIT, $0-16
	MOVQ	p+0(FP), R12
	MOVQ	$2, DI			// SIG_SETMASK
	MOVQ	$·all(SB), SI
	LEAQ	Program_Mask(R12), DX
	MOVQ	$8, R10
	MOVQ	$14, AX			// rt_sigprocmask
	SYSCALL
	LEAQ	Program_Clone(R12), DI
	MOVQ	$CloneArgs__size, SI
	MOVQ	$435, AX		// clone3
	SYSCALL
	TESTQ	AX, AX
	JZ	child
	MOVQ	AX, ret+8(FP)
	MOVQ	$2, DI
	LEAQ	Program_Mask(R12), SI
	MOVQ	$0, DX
	MOVQ	$8, R10
	MOVQ	$14, AX
	SYSCALL
	RET

	// In the child: R12 is the program, R13 the next call. No stack from here on.
child:
	MOVQ	Program_Ops(R12), R13
call:
	MOVQ	(Op_Arg+0)(R13), DI
	MOVQ	(Op_Arg+8)(R13), SI
	MOVQ	(Op_Arg+16)(R13), DX
	MOVQ	(Op_Arg+24)(R13), R10
	MOVQ	(Op_Arg+32)(R13), R8
	MOVQ	(Op_Arg+40)(R13), R9
	MOVQ	Op_Nr(R13), AX
	SYSCALL
	CMPQ	AX, $-4095
	JCC	failed			// as unsigned: the errors are the highest numbers
	MOVQ	Op_Out(R13), R14
	TESTQ	R14, R14
	JZ	stored
	MOVQ	AX, (R14)
stored:
	TESTQ	AX, AX
	JZ	next
	MOVQ	Op_Jump(R13), R14
	TESTQ	R14, R14
	JZ	next
	MOVQ	R14, R13
	JMP	call
next:
	ADDQ	$Op__size, R13
	JMP	call
failed:
	CMPQ	Op_Free(R13), $0
	JNE	next
	NEGQ	AX
	MOVQ	AX, Program_Errno(R12)
	MOVQ	R13, Program_At(R12)
	MOVQ	Program_Failed(R12), R13
	JMP	call

// func getNofile(r *Rlimit)
TEXT ·getNofile(SB), NOSPLIT, $0-8
	MOVQ	$0, DI
	MOVQ	$7, SI			// RLIMIT_NOFILE
	MOVQ	$0, DX
	MOVQ	r+0(FP), R10
	MOVQ	$302, AX		// prlimit64
	SYSCALL
	RET

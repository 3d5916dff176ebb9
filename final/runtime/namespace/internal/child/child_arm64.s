#include "go_asm.h"
#include "textflag.h"

DATA ·all+0(SB)/8, $-1			// all signals
GLOBL ·all(SB), NOPTR|RODATA, $8

// func Spawn(p *Program) int
TEXT ·Spawn(SB), NOSPLIT, $0-16
	MOVD	p+0(FP), R19
	MOVD	$2, R0			// SIG_SETMASK
	MOVD	$·all(SB), R1
	ADD	$Program_Mask, R19, R2
	MOVD	$8, R3
	MOVD	$135, R8		// rt_sigprocmask
	SVC
	ADD	$Program_Clone, R19, R0
	MOVD	$CloneArgs__size, R1
	MOVD	$435, R8		// clone3
	SVC
	CBZ	R0, child
	MOVD	R0, ret+8(FP)
	MOVD	$2, R0
	ADD	$Program_Mask, R19, R1
	MOVD	$0, R2
	MOVD	$8, R3
	MOVD	$135, R8
	SVC
	RET

	// In the child: R19 is the program, R20 the next call. No stack from here on.
child:
	MOVD	Program_Ops(R19), R20
call:
	MOVD	(Op_Arg+0)(R20), R0
	MOVD	(Op_Arg+8)(R20), R1
	MOVD	(Op_Arg+16)(R20), R2
	MOVD	(Op_Arg+24)(R20), R3
	MOVD	(Op_Arg+32)(R20), R4
	MOVD	(Op_Arg+40)(R20), R5
	MOVD	Op_Nr(R20), R8
	SVC
	CMN	$4095, R0
	BCS	failed			// as unsigned: the errors are the highest numbers
	MOVD	Op_Out(R20), R21
	CBZ	R21, stored
	MOVD	R0, (R21)
stored:
	CBZ	R0, next
	MOVD	Op_Jump(R20), R21
	CBZ	R21, next
	MOVD	R21, R20
	B	call
next:
	ADD	$Op__size, R20
	B	call
failed:
	MOVD	Op_Free(R20), R21
	CBNZ	R21, next
	NEG	R0, R0
	MOVD	R0, Program_Errno(R19)
	MOVD	R20, Program_At(R19)
	MOVD	Program_Failed(R19), R20
	B	call

// func getNofile(r *Rlimit)
TEXT ·getNofile(SB), NOSPLIT, $0-8
	MOVD	$0, R0
	MOVD	$7, R1			// RLIMIT_NOFILE
	MOVD	$0, R2
	MOVD	r+0(FP), R3
	MOVD	$261, R8		// prlimit64
	SVC
	RET

// This file lets the compiler accept isPollDescriptor in finish.go, a function without a body.

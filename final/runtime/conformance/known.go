package main

// known explains, for each program that fails under our runtime, whose fault that is.
var known = map[string]string{}

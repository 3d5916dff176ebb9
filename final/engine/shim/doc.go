// Package shim is what the engine and jocker-shim have to say to each other: how a shim is started (Options), what it writes
// down (State), and what is said over its socket (Packet).
//
// A shim is a process that stays as long as its container does, and there are as many of them as containers. So it is
// small: no JSON decoder, no command line library, no network. That is why options are arguments, state is JSON written by
// hand, and the socket speaks packets with one letter at the front.
package shim

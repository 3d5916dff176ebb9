// Package capability sets the five capability sets of a thread.
//
// # What capabilities are
//
// Root's rights, cut into some forty pieces: CAP_NET_BIND_SERVICE to bind a port below 1024, CAP_CHOWN
// to give files away, CAP_SYS_ADMIN for a great deal too much. Each piece is a bit, and a thread has
// five sets of bits:
//
//	effective    what the kernel looks at when the thread asks for something
//	permitted    what the thread may put into effective; a bit taken out never comes back
//	inheritable  what execve(2) may pass on, if the program's file agrees
//	ambient      what execve passes on to an ordinary program of an ordinary user
//	bounding     what execve may grant at most, whatever file or user says
//
// The rights of the container's program are worked out by the kernel at execve (capabilities(7),
// "Transformation of capabilities during execve()"). With P the sets before it, P' those after it,
// and F the sets in the program's file:
//
//	P'(ambient)   = setuid or file capabilities ? none : P(ambient)
//	P'(permitted) = P(inheritable) & F(inheritable) | F(permitted) & P(bounding) | P'(ambient)
//	P'(effective) = F(effective) ? P'(permitted) : P'(ambient)
//
// where for root F(inheritable) and F(permitted) are taken to be full, and with no_new_privs set nothing
// comes into permitted that was not there before. So a container's root holds what bounding leaves it,
// an ordinary user what is ambient. Inheritable should be empty: else any file with inheritable bits
// gives an ordinary user rights which nobody meant to give (CVE-2022-29162, in which engines filled
// it by default). This package puts there what config.json says and nothing else.
//
// # The order
//
// Bits leave the bounding set only while CAP_SETPCAP is effective, and a change of the user id from 0
// to another clears permitted and effective. So init drops from the bounding set first (DropBounding),
// then changes the user with the thread's "keep capabilities" flag set (Keep), and then sets the rest (Sets.Apply).
//
// names.go has the names and their numbers, sets.go config.json's five lists as sets, and apply.go the
// system calls. Every call here is for the calling thread alone, as capset(2) is; the caller locks the
// goroutine to its thread.
//
// Sources: capabilities(7), capget(2), prctl(2), PR_CAPBSET_DROP(2const), PR_CAP_AMBIENT(2const), and
// "Linux Process" in the OCI runtime specification's config.md.
package capability

// Package process turns init, the runtime's process inside of the container, into the user's program.
package process

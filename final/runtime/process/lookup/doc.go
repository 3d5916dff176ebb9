// Package lookup finds the program that a container is to run, and explains why one can't be run.
package lookup

// Package namespace starts processes in namespaces, new ones or those of a container that runs.
package namespace

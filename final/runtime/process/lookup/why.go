package lookup

// Why says in words why a program could not be executed.
func Why(path string, args, env []string, err error) string { return "" }

package network

func setUpNAT() error { return nil }

// Unpublish takes back all ports of the host that lead to an address.
func Unpublish(address string) error { return nil }

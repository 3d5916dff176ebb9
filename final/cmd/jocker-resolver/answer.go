package main

import (
	"encoding/hex"
	"math/rand/v2"
	"net/netip"
	"os"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

// answer answers a question that is about a container. done is false if it is not: then it is for other servers. What is no
// question gets no answer: nil, true.
func (r *resolver) answer(message []byte) (answer []byte, done bool) {
	var p dnsmessage.Parser
	header, err := p.Start(message)
	if err != nil || header.Response {
		return nil, true
	}
	q, err := p.Question()
	if err != nil || header.OpCode != 0 {
		return reply(header, nil, dnsmessage.RCodeFormatError, nil), true
	}
	if q.Class != dnsmessage.ClassINET {
		return nil, false
	}
	name := strings.ToLower(strings.TrimSuffix(q.Name.String(), "."))
	if address, ok := reverse(name); ok {
		if found := r.nameOf(address); found != "" {
			pointer, err := dnsmessage.NewName(found + "." + r.domain + ".")
			if err == nil && q.Type == dnsmessage.TypePTR {
				return reply(header, &q, dnsmessage.RCodeSuccess, []dnsmessage.ResourceBody{&dnsmessage.PTRResource{PTR: pointer}}), true
			}
		}
		return nil, false
	}
	addresses := r.addresses(strings.TrimSuffix(name, "."+strings.ToLower(r.domain)))
	if len(addresses) == 0 {
		return nil, false
	}
	var bodies []dnsmessage.ResourceBody
	for _, a := range addresses {
		switch {
		case a.Is4() && q.Type == dnsmessage.TypeA:
			bodies = append(bodies, &dnsmessage.AResource{A: a.As4()})
		case a.Is6() && q.Type == dnsmessage.TypeAAAA:
			bodies = append(bodies, &dnsmessage.AAAAResource{AAAA: a.As16()})
		}
	}
	return reply(header, &q, dnsmessage.RCodeSuccess, bodies), true // without an address it is: the name is there, but not this
}

// reply makes a message. Answers are good for no time: the container may be gone in the next moment.
func reply(asked dnsmessage.Header, q *dnsmessage.Question, code dnsmessage.RCode, bodies []dnsmessage.ResourceBody) []byte {
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: asked.ID, Response: true, Authoritative: code == dnsmessage.RCodeSuccess,
		RecursionDesired: asked.RecursionDesired, RecursionAvailable: true, RCode: code}}
	if q != nil {
		m.Questions = []dnsmessage.Question{*q}
		for _, b := range bodies {
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET}, Body: b})
		}
	}
	packed, err := m.Pack()
	if err != nil {
		return nil
	}
	return packed
}

// addresses returns those of all who have a name, in random order: several may share it and the work.
func (r *resolver) addresses(name string) (list []netip.Addr) {
	r.each(func(n, address string) {
		if a, err := netip.ParseAddr(address); err == nil && n == name && r.alive(address) {
			list = append(list, a)
		}
	})
	rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

// nameOf returns a name of an address; "" if nobody has it.
func (r *resolver) nameOf(address netip.Addr) (name string) {
	r.each(func(n, a string) {
		if a == address.String() && (name == "" || n < name) && r.alive(a) {
			name = n
		}
	})
	return name
}

func (r *resolver) each(f func(name, address string)) {
	dir, err := os.Open(r.names)
	if err != nil {
		return
	}
	defer dir.Close()
	files, _ := dir.Readdirnames(-1)
	for _, file := range files {
		if name, address, ok := strings.Cut(file, "@"); ok {
			f(name, address)
		}
	}
}

// reverse takes the name apart that stands for an IPv4 address: 2.0.91.10.in-addr.arpa.
func reverse(name string) (a netip.Addr, ok bool) {
	digits, ok := strings.CutSuffix(name, ".in-addr.arpa")
	parts := strings.Split(digits, ".")
	if !ok || len(parts) != 4 {
		return a, false
	}
	a, err := netip.ParseAddr(parts[3] + "." + parts[2] + "." + parts[1] + "." + parts[0])
	return a, err == nil
}

// plugged says whether the cable of an address is there. An IPv6 address ends with the container's IPv4 address.
func plugged(address string) bool {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return false
	}
	b := a.AsSlice()
	return interfaceIndex("jn"+hex.EncodeToString(b[len(b)-4:])) != 0
}

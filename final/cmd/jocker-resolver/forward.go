package main

import (
	"net"
	"os"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// patience is how long a name server has time.
const patience = 2 * time.Second

// forward passes a question on to one of the host's name servers after the other, and returns the first answer.
func (r *resolver) forward(network string, question []byte) []byte {
	if !r.internal {
		for _, server := range r.servers() {
			if answer := exchange(network, server, question); answer != nil {
				return answer
			}
		}
	}
	return r.refuse(question)
}

// refuse says that there is no such name, as far as anybody knows.
func (r *resolver) refuse(question []byte) []byte {
	var p dnsmessage.Parser
	header, err := p.Start(question)
	if err != nil {
		return nil
	}
	q, err := p.Question()
	if err != nil {
		return nil
	}
	code := dnsmessage.RCodeNameError
	if !r.internal && len(r.servers()) > 0 {
		code = dnsmessage.RCodeServerFailure // others may know
	}
	return reply(header, &q, code, nil)
}

// exchange asks one server; nil if it doesn't answer. An answer to another question may be a forgery.
func exchange(network, server string, question []byte) []byte {
	conn, err := net.DialTimeout(network, net.JoinHostPort(server, "53"), patience)
	if err != nil {
		return nil
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	if network == "tcp" {
		if writeMessage(conn, question) != nil {
			return nil
		}
		answer, err := readMessage(conn)
		if err != nil || !isAnswer(question, answer) {
			return nil
		}
		return answer
	}
	if _, err := conn.Write(question); err != nil {
		return nil
	}
	buffer := make([]byte, 64<<10)
	for {
		n, err := conn.Read(buffer)
		if err != nil {
			return nil
		}
		if isAnswer(question, buffer[:n]) {
			return buffer[:n]
		}
	}
}

// isAnswer compares the ID, and looks whether it is an answer.
func isAnswer(question, answer []byte) bool {
	return len(answer) >= 12 && len(question) >= 12 && answer[0] == question[0] && answer[1] == question[1] && answer[2]&0x80 != 0
}

// hostServers are the host's, as they are now.
func hostServers() (list []string) {
	data, _ := os.ReadFile("/etc/resolv.conf")
	for _, line := range strings.Split(string(data), "\n") {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "nameserver" {
			list = append(list, f[1])
		}
	}
	return list
}

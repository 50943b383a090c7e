// Package ownname keeps what is served for this machine alone from pages of others: a
// browser that was led here under another name (DNS rebinding) gets nothing.
package ownname

import (
	"net"
	"net/http"
	"strings"
)

// Only refuses a request that a page of somebody else had a browser send to a listener
// of this machine alone: the name that it gives for this machine is not one of its own. At
// a listener that others may reach, any name goes.
func Only(l net.Listener, next http.Handler) http.Handler {
	here, ok := l.Addr().(*net.TCPAddr)
	if !ok || !here.IP.IsLoopback() {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = strings.Trim(r.Host, "[]")
		}
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			http.Error(w, "this listens for this machine alone, by its own name", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

package ownname

import (
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
)

// at is a listener at an address.
type at struct {
	net.Listener
	address net.TCPAddr
}

func (l at) Addr() net.Addr { return &l.address }

// A page in a browser that was led here under another name gets nothing, where what is
// here is for this machine alone.
func TestOnly(t *testing.T) {
	f := func(listener, host string, want int) {
		t.Helper()
		h := Only(at{address: net.TCPAddr{IP: net.ParseIP(listener), Port: 1}}, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host = host
		if h.ServeHTTP(w, r); w.Code != want {
			t.Errorf("at %s as %s: %d, want %d", listener, host, w.Code, want)
		}
	}
	f("127.0.0.1", "localhost:1", http.StatusOK)
	f("127.0.0.1", "127.0.0.1", http.StatusOK)
	f("::1", "[::1]:1", http.StatusOK)
	f("::1", "[::1]", http.StatusOK)
	f("127.0.0.1", "rebound.example:80", http.StatusForbidden)
	f("::1", "rebound.example", http.StatusForbidden)
	f("127.0.0.1", "10.0.0.1", http.StatusForbidden)
	f("127.0.0.1", "", http.StatusForbidden)
	f("0.0.0.0", "bench.example:80", http.StatusOK)
	f("10.0.0.1", "10.0.0.1:80", http.StatusOK)
}

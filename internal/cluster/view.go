package cluster

// View is a cluster that somebody else has started, for administration: its
// admin methods work, it has no processes, and Stop only disconnects.
func View(a Access) (*Cluster, error) {
	adm, err := newAdmin(a)
	if err != nil {
		return nil, err
	}
	return &Cluster{access: a, internal: adm, died: make(chan error, 1)}, nil
}

// Package edge tests the balancer as operators run it: whole nodes, an edge in
// front of PBXs, over real sockets of the loopback interface.
package edge

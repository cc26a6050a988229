// Package edge tests the balancer as operators run it: whole nodes read their
// own configuration files, an edge with a dispatcher.list in front of exchanges,
// and the generator of test/load makes the calls, over real sockets of the
// loopback interface. Each test owns the nodes it starts and stops them.
package edge

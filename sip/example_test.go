package sip_test

import (
	"fmt"

	"github.com/hometone/hometone/sip"
)

// A datagram is parsed, refused if it is malformed, and answered.
func ExampleParse() {
	datagram := "OPTIONS sip:bob@example.com SIP/2.0\r\n" +
		"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK776asdhds;rport\r\n" +
		"From: <sip:alice@example.com>;tag=1928301774\r\n" +
		"To: <sip:bob@example.com>\r\n" +
		"Call-ID: a84b4c76e66710\r\n" +
		"CSeq: 63104 OPTIONS\r\n" +
		"Content-Length: 0\r\n\r\n"

	req, _, err := sip.Parse(datagram)
	if err == nil {
		err = req.Validate()
	}
	if err != nil {
		fmt.Println(err) // a *sip.Error: what to answer
		return
	}
	res := sip.NewResponse(req, 200, "")
	res.SetToTag("8321234356")
	res.Add(sip.HeaderAllow, "INVITE, ACK, CANCEL, OPTIONS, BYE")
	fmt.Println(res.Status(), res.Reason(), "tag", res.ToTag())
	// Output: 200 OK tag 8321234356
}

// Two spellings of one URI are the same by the rules of RFC 3261 §19.1.4.
func ExampleURI_Equal() {
	a, _ := sip.ParseURI("sip:%61lice@AtLanTa.CoM;Transport=tcp")
	b, _ := sip.ParseURI("sip:alice@atlanta.com;transport=TCP")
	fmt.Println(a.Equal(b), a.AOR())
	// Output: true sip:alice@atlanta.com
}

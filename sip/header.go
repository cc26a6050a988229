package sip

// HeaderID names a header field that this package knows. It is the key of all
// header access, so that neither spelling, case nor compact forms (RFC 3261
// §7.3.3) matter to callers.
type HeaderID uint8

// The header fields of RFC 3261 and of the extensions this package types.
// HeaderOther stands for all others; they are reached by name.
const (
	HeaderOther HeaderID = iota
	HeaderAccept
	HeaderAcceptContact
	HeaderAcceptEncoding
	HeaderAcceptLanguage
	HeaderAcceptResourcePriority
	HeaderAlertInfo
	HeaderAllow
	HeaderAllowEvents
	HeaderAnswerMode
	HeaderAuthenticationInfo
	HeaderAuthorization
	HeaderCallID
	HeaderCallInfo
	HeaderContact
	HeaderContentDisposition
	HeaderContentEncoding
	HeaderContentLanguage
	HeaderContentLength
	HeaderContentType
	HeaderCSeq
	HeaderDate
	HeaderDiversion
	HeaderErrorInfo
	HeaderEvent
	HeaderExpires
	HeaderFeatureCaps
	HeaderFlowTimer
	HeaderFrom
	HeaderHistoryInfo
	HeaderIdentity
	HeaderIdentityInfo
	HeaderInfoPackage
	HeaderInReplyTo
	HeaderJoin
	HeaderMaxBreadth
	HeaderMaxForwards
	HeaderMIMEVersion
	HeaderMinExpires
	HeaderMinSE
	HeaderOrganization
	HeaderPAccessNetworkInfo
	HeaderPAssertedIdentity
	HeaderPAssociatedURI
	HeaderPCalledPartyID
	HeaderPChargingVector
	HeaderPEarlyMedia
	HeaderPPreferredIdentity
	HeaderPath
	HeaderPriority
	HeaderPrivacy
	HeaderProxyAuthenticate
	HeaderProxyAuthenticationInfo
	HeaderProxyAuthorization
	HeaderProxyRequire
	HeaderRAck
	HeaderReason
	HeaderRecordRoute
	HeaderRecvInfo
	HeaderReferSub
	HeaderReferTo
	HeaderReferredBy
	HeaderRejectContact
	HeaderRemotePartyID
	HeaderReplaces
	HeaderReplyTo
	HeaderRequestDisposition
	HeaderRequire
	HeaderResourcePriority
	HeaderRetryAfter
	HeaderRoute
	HeaderRSeq
	HeaderSecurityClient
	HeaderSecurityServer
	HeaderSecurityVerify
	HeaderServer
	HeaderServiceRoute
	HeaderSessionExpires
	HeaderSessionID
	HeaderSIPETag
	HeaderSIPIfMatch
	HeaderSubject
	HeaderSubscriptionState
	HeaderSupported
	HeaderSuppressIfMatch
	HeaderTargetDialog
	HeaderTimestamp
	HeaderTo
	HeaderUnsupported
	HeaderUserAgent
	HeaderUserToUser
	HeaderVia
	HeaderWarning
	HeaderWWWAuthenticate
	headerCount
)

// shape says how a header field may repeat.
type shape uint8

const (
	opaque shape = iota // may repeat by line; a comma is part of the value
	single              // one value in a message
	sole                // one value, and a request with two is refused with 400
	list                // elements separated by commas, over one or more lines
)

// headerInfo describes one header field: canonical name, compact form (RFC
// 3261 §7.3.3 and the IANA registry, 0 = none) and shape.
type headerInfo struct {
	name    string
	compact byte
	shape   shape
}

// headers is the table of known header fields.
var headers = [headerCount]headerInfo{
	HeaderAccept:                  {"Accept", 0, list},
	HeaderAcceptContact:           {"Accept-Contact", 'a', list},
	HeaderAcceptEncoding:          {"Accept-Encoding", 0, list},
	HeaderAcceptLanguage:          {"Accept-Language", 0, list},
	HeaderAcceptResourcePriority:  {"Accept-Resource-Priority", 0, list},
	HeaderAlertInfo:               {"Alert-Info", 0, list},
	HeaderAllow:                   {"Allow", 0, list},
	HeaderAllowEvents:             {"Allow-Events", 'u', list},
	HeaderAnswerMode:              {"Answer-Mode", 0, single},
	HeaderAuthenticationInfo:      {"Authentication-Info", 0, opaque},
	HeaderAuthorization:           {"Authorization", 0, opaque},
	HeaderCallID:                  {"Call-ID", 'i', sole},
	HeaderCallInfo:                {"Call-Info", 0, list},
	HeaderContact:                 {"Contact", 'm', list},
	HeaderContentDisposition:      {"Content-Disposition", 0, single},
	HeaderContentEncoding:         {"Content-Encoding", 'e', list},
	HeaderContentLanguage:         {"Content-Language", 0, list},
	HeaderContentLength:           {"Content-Length", 'l', sole},
	HeaderContentType:             {"Content-Type", 'c', sole},
	HeaderCSeq:                    {"CSeq", 0, sole},
	HeaderDate:                    {"Date", 0, single},
	HeaderDiversion:               {"Diversion", 0, list},
	HeaderErrorInfo:               {"Error-Info", 0, list},
	HeaderEvent:                   {"Event", 'o', sole},
	HeaderExpires:                 {"Expires", 0, sole},
	HeaderFeatureCaps:             {"Feature-Caps", 0, list},
	HeaderFlowTimer:               {"Flow-Timer", 0, single},
	HeaderFrom:                    {"From", 'f', sole},
	HeaderHistoryInfo:             {"History-Info", 0, list},
	HeaderIdentity:                {"Identity", 'y', list},
	HeaderIdentityInfo:            {"Identity-Info", 'n', single},
	HeaderInfoPackage:             {"Info-Package", 0, single},
	HeaderInReplyTo:               {"In-Reply-To", 0, list},
	HeaderJoin:                    {"Join", 0, sole},
	HeaderMaxBreadth:              {"Max-Breadth", 0, single},
	HeaderMaxForwards:             {"Max-Forwards", 0, sole},
	HeaderMIMEVersion:             {"MIME-Version", 0, single},
	HeaderMinExpires:              {"Min-Expires", 0, single},
	HeaderMinSE:                   {"Min-SE", 0, sole},
	HeaderOrganization:            {"Organization", 0, single},
	HeaderPAccessNetworkInfo:      {"P-Access-Network-Info", 0, list},
	HeaderPAssertedIdentity:       {"P-Asserted-Identity", 0, list},
	HeaderPAssociatedURI:          {"P-Associated-URI", 0, list},
	HeaderPCalledPartyID:          {"P-Called-Party-ID", 0, single},
	HeaderPChargingVector:         {"P-Charging-Vector", 0, single},
	HeaderPEarlyMedia:             {"P-Early-Media", 0, list},
	HeaderPPreferredIdentity:      {"P-Preferred-Identity", 0, list},
	HeaderPath:                    {"Path", 0, list},
	HeaderPriority:                {"Priority", 0, single},
	HeaderPrivacy:                 {"Privacy", 0, opaque},
	HeaderProxyAuthenticate:       {"Proxy-Authenticate", 0, opaque},
	HeaderProxyAuthenticationInfo: {"Proxy-Authentication-Info", 0, opaque},
	HeaderProxyAuthorization:      {"Proxy-Authorization", 0, opaque},
	HeaderProxyRequire:            {"Proxy-Require", 0, list},
	HeaderRAck:                    {"RAck", 0, sole},
	HeaderReason:                  {"Reason", 0, list},
	HeaderRecordRoute:             {"Record-Route", 0, list},
	HeaderRecvInfo:                {"Recv-Info", 0, list},
	HeaderReferSub:                {"Refer-Sub", 0, single},
	HeaderReferTo:                 {"Refer-To", 'r', sole},
	HeaderReferredBy:              {"Referred-By", 'b', sole},
	HeaderRejectContact:           {"Reject-Contact", 'j', list},
	HeaderRemotePartyID:           {"Remote-Party-ID", 0, list},
	HeaderReplaces:                {"Replaces", 0, sole},
	HeaderReplyTo:                 {"Reply-To", 0, single},
	HeaderRequestDisposition:      {"Request-Disposition", 'd', list},
	HeaderRequire:                 {"Require", 0, list},
	HeaderResourcePriority:        {"Resource-Priority", 0, list},
	HeaderRetryAfter:              {"Retry-After", 0, single},
	HeaderRoute:                   {"Route", 0, list},
	HeaderRSeq:                    {"RSeq", 0, sole},
	HeaderSecurityClient:          {"Security-Client", 0, list},
	HeaderSecurityServer:          {"Security-Server", 0, list},
	HeaderSecurityVerify:          {"Security-Verify", 0, list},
	HeaderServer:                  {"Server", 0, single},
	HeaderServiceRoute:            {"Service-Route", 0, list},
	HeaderSessionExpires:          {"Session-Expires", 'x', sole},
	HeaderSessionID:               {"Session-ID", 0, single},
	HeaderSIPETag:                 {"SIP-ETag", 0, single},
	HeaderSIPIfMatch:              {"SIP-If-Match", 0, sole},
	HeaderSubject:                 {"Subject", 's', single},
	HeaderSubscriptionState:       {"Subscription-State", 0, sole},
	HeaderSupported:               {"Supported", 'k', list},
	HeaderSuppressIfMatch:         {"Suppress-If-Match", 0, single},
	HeaderTargetDialog:            {"Target-Dialog", 0, sole},
	HeaderTimestamp:               {"Timestamp", 0, single},
	HeaderTo:                      {"To", 't', sole},
	HeaderUnsupported:             {"Unsupported", 0, list},
	HeaderUserAgent:               {"User-Agent", 0, single},
	HeaderUserToUser:              {"User-to-User", 0, list},
	HeaderVia:                     {"Via", 'v', list},
	HeaderWarning:                 {"Warning", 0, list},
	HeaderWWWAuthenticate:         {"WWW-Authenticate", 0, opaque},
}

// String returns the canonical name, or "" for HeaderOther.
func (id HeaderID) String() string {
	if id < headerCount {
		return headers[id].name
	}
	return ""
}

// List reports whether the field holds a comma-separated list.
func (id HeaderID) List() bool { return id < headerCount && headers[id].shape == list }

// LookupHeader returns the identifier for a field name in any case or in its
// compact form, or HeaderOther.
func LookupHeader(name string) HeaderID {
	if len(name) == 1 {
		return compactIndex[name[0]|0x20]
	}
	id := nameIndex[nameSlot(name)]
	if equalFold(headers[id].name, name) {
		return id
	}
	return HeaderOther
}

// compactIndex maps a lower-case compact form to its header.
var compactIndex = func() (t [256]HeaderID) {
	for id, h := range headers {
		if h.compact != 0 {
			t[h.compact] = HeaderID(id)
		}
	}
	return t
}()

// nameSlot hashes a name by its first, middle and last letter and its length.
// The factor is chosen so that no two known names share a slot; a test holds
// that. After adding a header field, look for another one.
func nameSlot(name string) uint32 {
	n := len(name)
	if n == 0 {
		return 0
	}
	key := uint32(name[0]|0x20) | uint32(name[n-1]|0x20)<<8 | uint32(name[n/2]|0x20)<<16 | uint32(n)<<24
	return key * 0xaf964a13 >> (32 - nameSlotBits)
}

const nameSlotBits = 9

// nameIndex maps the slot of a name to its header.
var nameIndex = func() (t [1 << nameSlotBits]HeaderID) {
	for id := HeaderOther + 1; id < headerCount; id++ {
		t[nameSlot(headers[id].name)] = id
	}
	return t
}()

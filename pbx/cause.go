package pbx

import "strings"

// Cause is an ITU-T Q.850 hang-up cause, as the channel variable HANGUPCAUSE
// shows it.
type Cause uint8

// The causes that the exchange itself sets or maps, by their Q.850 numbers.
const (
	CauseNone                 Cause = 0
	CauseUnallocated          Cause = 1
	CauseNoRouteTransitNet    Cause = 2
	CauseNoRoute              Cause = 3
	CauseNormalClearing       Cause = 16
	CauseUserBusy             Cause = 17
	CauseNoUserResponse       Cause = 18
	CauseNoAnswer             Cause = 19
	CauseSubscriberAbsent     Cause = 20
	CauseCallRejected         Cause = 21
	CauseNumberChanged        Cause = 22
	CauseAnsweredElsewhere    Cause = 26
	CauseDestinationOutOfOrd  Cause = 27
	CauseInvalidNumber        Cause = 28
	CauseFacilityRejected     Cause = 29
	CauseNormalUnspecified    Cause = 31
	CauseCongestion           Cause = 34
	CauseFailure              Cause = 38
	CauseTemporaryFailure     Cause = 41
	CauseSwitchCongestion     Cause = 42
	CauseRequestedChanUnavail Cause = 44
	CauseBearerNotAvailable   Cause = 58
	CauseChanNotImplemented   Cause = 66
	CauseRecoveryOnTimer      Cause = 102
	CauseInterworking         Cause = 127
)

// statusOf is the answer an unanswered caller gets when its channel ends with
// a cause, as res_pjsip has it. Causes that are not listed give 603.
var statusOf = map[Cause]int{
	CauseUnallocated:         404,
	CauseNoRouteTransitNet:   404,
	CauseNoRoute:             404,
	CauseUserBusy:            486,
	CauseNoUserResponse:      408,
	CauseNoAnswer:            480,
	CauseSubscriberAbsent:    480,
	CauseCallRejected:        403,
	CauseNumberChanged:       410,
	CauseDestinationOutOfOrd: 502,
	CauseInvalidNumber:       484,
	CauseFacilityRejected:    501,
	CauseNormalUnspecified:   480,
	CauseCongestion:          503,
	CauseFailure:             500,
	CauseSwitchCongestion:    503,
	CauseBearerNotAvailable:  488,
	CauseChanNotImplemented:  503,
	CauseInterworking:        500,
}

// Status returns the SIP status that refuses a call with this cause; 603 if
// the cause has none of its own.
func (c Cause) Status() int {
	if s, ok := statusOf[c]; ok {
		return s
	}
	return 603
}

// causeOf is the cause a called side's final answer stands for, as res_pjsip
// has it; CauseOfStatus adds what the classes mean.
var causeOf = map[int]Cause{
	401: CauseCallRejected,
	403: CauseCallRejected,
	404: CauseUnallocated,
	405: CauseInterworking,
	407: CauseCallRejected,
	408: CauseNoUserResponse,
	409: CauseTemporaryFailure,
	410: CauseNumberChanged,
	411: CauseInterworking,
	413: CauseInterworking,
	414: CauseInterworking,
	415: CauseInterworking,
	420: CauseNoRoute,
	480: CauseNoAnswer,
	481: CauseInterworking,
	482: CauseInterworking,
	483: CauseNoAnswer,
	484: CauseInvalidNumber,
	485: CauseUnallocated,
	486: CauseUserBusy,
	487: CauseInterworking,
	488: CauseBearerNotAvailable,
	491: CauseInterworking,
	493: CauseInterworking,
	500: CauseFailure,
	501: CauseFacilityRejected,
	502: CauseDestinationOutOfOrd,
	503: CauseCongestion,
	504: CauseRecoveryOnTimer,
	505: CauseInterworking,
	600: CauseUserBusy,
	603: CauseCallRejected,
	604: CauseUnallocated,
	606: CauseBearerNotAvailable,
}

// CauseOfStatus returns the cause that a final response stands for.
func CauseOfStatus(status int) Cause {
	if c, ok := causeOf[status]; ok {
		return c
	}
	switch status / 100 {
	case 4, 6:
		return CauseInterworking
	case 5:
		return CauseCongestion
	default:
		return CauseNormalClearing
	}
}

// causeNames are the words Hangup takes beside the numbers.
var causeNames = map[string]Cause{
	"UNALLOCATED": CauseUnallocated, "NO_ROUTE_TRANSIT_NET": CauseNoRouteTransitNet,
	"NO_ROUTE_DESTINATION": CauseNoRoute, "NORMAL_CLEARING": CauseNormalClearing, "NORMAL": CauseNormalClearing,
	"USER_BUSY": CauseUserBusy, "BUSY": CauseUserBusy, "NO_USER_RESPONSE": CauseNoUserResponse,
	"NO_ANSWER": CauseNoAnswer, "NOANSWER": CauseNoAnswer, "SUBSCRIBER_ABSENT": CauseSubscriberAbsent,
	"UNREGISTERED": CauseSubscriberAbsent, "CALL_REJECTED": CauseCallRejected, "NUMBER_CHANGED": CauseNumberChanged,
	"ANSWERED_ELSEWHERE": CauseAnsweredElsewhere, "DESTINATION_OUT_OF_ORDER": CauseDestinationOutOfOrd,
	"INVALID_NUMBER_FORMAT": CauseInvalidNumber, "FACILITY_REJECTED": CauseFacilityRejected,
	"NORMAL_UNSPECIFIED": CauseNormalUnspecified, "NORMAL_CIRCUIT_CONGESTION": CauseCongestion,
	"CONGESTION": CauseCongestion, "FAILURE": CauseFailure, "NETWORK_OUT_OF_ORDER": CauseFailure,
	"NORMAL_TEMPORARY_FAILURE": CauseTemporaryFailure, "SWITCH_CONGESTION": CauseSwitchCongestion,
	"REQUESTED_CHAN_UNAVAIL": CauseRequestedChanUnavail, "BEARERCAPABILITY_NOTAVAIL": CauseBearerNotAvailable,
	"CHAN_NOT_IMPLEMENTED": CauseChanNotImplemented, "RECOVERY_ON_TIMER_EXPIRE": CauseRecoveryOnTimer,
	"INTERWORKING": CauseInterworking,
}

// CauseByName finds a cause by the name that Hangup and HANGUPCAUSE use, with
// or without AST_CAUSE_ before it, in any case.
func CauseByName(name string) (Cause, bool) {
	name = strings.ToUpper(strings.TrimSpace(name))
	c, ok := causeNames[strings.TrimPrefix(name, "AST_CAUSE_")]
	return c, ok
}

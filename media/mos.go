package media

import (
	"math"
	"time"
)

// MOS estimates how a listener would rate G.711 speech, from 1 (bad) to 4.5
// (excellent), by the E-model of ITU-T G.107 reduced to what a network shows:
//
//	R   = 93.2 - Id - Ie,eff                        (G.107 §7.1 with its defaults)
//	Id  = 0.024·d + 0.11·(d-177.3)·H(d-177.3)       (d one way in ms; Cole and Rosenbluth 2001)
//	Ie,eff = 95·Ppl/(Ppl+Bpl), Bpl = 25.1           (G.107 §7.7; G.113 Appendix I for G.711 with concealment)
//	MOS = 1 + 0.035·R + 7e-6·R·(R-60)·(100-R)       (G.107 Annex B)
//
// loss is the share of packets lost, 0 to 1. delay is one way through the
// network. The delay of a receiver that must wait out the jitter is taken as
// twice the jitter plus 20 ms for packetisation.
func MOS(loss float64, jitter, delay time.Duration) float64 {
	d := float64(delay+2*jitter+20*time.Millisecond) / float64(time.Millisecond)
	id := 0.024 * d
	if d > 177.3 {
		id += 0.11 * (d - 177.3)
	}
	const burstRobustness = 25.1
	percent := 100 * math.Max(0, math.Min(loss, 1))
	r := 93.2 - id - 95*percent/(percent+burstRobustness)
	switch {
	case r <= 0:
		return 1
	case r >= 100:
		return 4.5
	}
	return math.Max(1, 1+0.035*r+7e-6*r*(r-60)*(100-r))
}

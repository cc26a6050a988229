package media

// G.722 at 64 kbit/s: two bands of ADPCM, each in the words of ITU-T G.722
// (11/88) §6: the blocks and tables have the names they have there. The octets
// of one frame hold one sample pair of 16 kHz each: two bits of the
// upper band, six of the lower.

// g722Rate is the sampling rate of G.722 audio in Hz. Its RTP clock runs at half of it (RFC 3551 §4.5.2).
const g722Rate = 16000

// Tables of G.722 §6.2.
var (
	g722QMF = [12]int32{3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11} // table 11: every other one, the rest is their mirror
	g722Q6  = [30]int32{
		0, 35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1023,
		1121, 1219, 1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919,
	}
	g722QM2 = [4]int32{-7408, -1616, 7408, 1616}
	g722QM4 = [16]int32{0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584, 1200, 0}
	g722QM6 = [64]int32{
		-136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232, -9360, -8576, -7856,
		-7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776, -2400, -2032, -1688, -1360, -1040, -728,
		24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456,
		4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432, -136,
	}
	g722WL = [8]int32{-60, -30, 58, 172, 334, 538, 1198, 3042}
	g722RL = [16]uint8{0, 7, 6, 5, 4, 3, 2, 1, 7, 6, 5, 4, 3, 2, 1, 0}
	g722WH = [3]int32{0, -214, 798}
	g722RH = [4]uint8{2, 1, 2, 1}
	g722IL = [32]int32{
		2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834,
		2896, 2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
	}
)

// g722Band is the predictor and the scale factor of one band (blocks 3 and 4), the same in
// the encoder and the decoder.
type g722Band struct {
	s   int32    // predicted signal
	sz  int32    // of it: by the zeros
	r   [2]int32 // past reconstructed signals
	p   [2]int32 // past partial reconstructions
	a   [2]int32 // pole coefficients
	b   [6]int32 // zero coefficients
	d   [6]int32 // past differences
	nb  int32    // logarithmic scale factor
	det int32    // scale factor
}

// scale is blocks 3L and 3H: the scale factor follows the code's weight.
func (z *g722Band) scale(weight, most, shift int32) {
	z.nb = max(0, min(z.nb*127>>7+weight, most))
	mantissa, exponent := g722IL[z.nb>>6&31], shift-z.nb>>11
	if exponent < 0 {
		z.det = mantissa << -exponent << 2
		return
	}
	z.det = mantissa >> exponent << 2
}

// predict is block 4: the coefficients and the prediction follow the difference d.
func (z *g722Band) predict(d int32) {
	r, p := sat16(z.s+d), sat16(z.sz+d)
	same1, same2 := (p^z.p[0]) >= 0, (p^z.p[1]) >= 0

	// UPPOL2
	w := sat16(z.a[0] << 2)
	if same1 {
		w = min(-w, 32767)
	}
	a2 := w>>7 + signed(128, same2) + z.a[1]*32512>>15
	a2 = max(-12288, min(a2, 12288))
	// UPPOL1
	a1 := sat16(signed(192, same1) + z.a[0]*32640>>15)
	limit := sat16(15360 - a2)
	a1 = max(-limit, min(a1, limit))
	// UPZERO
	var step int32
	if d != 0 {
		step = 128
	}
	for i := range z.b {
		z.b[i] = sat16(signed(step, z.d[i]^d >= 0) + z.b[i]*32640>>15)
	}
	// DELAYA
	copy(z.d[1:], z.d[:5])
	z.d[0] = d
	z.r = [2]int32{r, z.r[0]}
	z.p = [2]int32{p, z.p[0]}
	z.a = [2]int32{a1, a2}
	// FILTEP, FILTEZ, PREDIC
	sp := sat16(z.a[0]*sat16(2*z.r[0])>>15 + z.a[1]*sat16(2*z.r[1])>>15)
	var sz int32
	for i, b := range z.b {
		sz += b * sat16(2*z.d[i]) >> 15
	}
	z.sz = sat16(sz)
	z.s = sat16(sp + z.sz)
}

func signed(v int32, positive bool) int32 {
	if positive {
		return v
	}
	return -v
}

func sat16(v int32) int32 { return max(-32768, min(v, 32767)) }

// low updates the lower band by the four upper bits of its code.
func (z *g722Band) low(code int32) {
	d := z.det * g722QM4[code] >> 15
	z.scale(g722WL[g722RL[code]], 18432, 8)
	z.predict(d)
}

// high updates the upper band by its code.
func (z *g722Band) high(code int32) {
	d := z.det * g722QM2[code] >> 15
	z.scale(g722WH[g722RH[code]], 22528, 10)
	z.predict(d)
}

// g722 is one direction of a G.722 stream: an encoder or a decoder, not both. The
// zero value begins a stream.
type g722 struct {
	lower, upper g722Band
	past         [24]int32 // of the quadrature mirror filter
	begun        bool
	odd          bool  // encode: a sample waits for its pair
	first        int16 // that sample
}

func (c *g722) begin() {
	if !c.begun {
		c.lower.det, c.upper.det, c.begun = 32, 8, true
	}
}

// encode appends an octet for each pair of samples at 16 kHz. A last single
// sample waits for the next call.
func (c *g722) encode(dst []byte, pcm []int16) []byte {
	c.begin()
	for _, v := range pcm {
		if !c.odd {
			c.first, c.odd = v, true
			continue
		}
		c.odd = false
		dst = append(dst, c.pair(c.first, v))
	}
	return dst
}

func (c *g722) pair(v, w int16) byte {
	// Transmit filter, §3.1.
	copy(c.past[:22], c.past[2:])
	c.past[22], c.past[23] = int32(v), int32(w)
	var even, odd int32
	for i, k := range g722QMF {
		odd += c.past[2*i] * k
		even += c.past[2*i+1] * g722QMF[11-i]
	}
	xl, xh := sat15((even+odd)>>14), sat15((even-odd)>>14)

	// QUANTL
	el := sat16(xl - c.lower.s)
	w1 := magnitude(el)
	level := 1
	for level < len(g722Q6) && w1 >= g722Q6[level]*c.lower.det>>12 {
		level++
	}
	il := int32(62 - level) // table 17: codes of positive differences
	if el < 0 {
		il = int32(34 - level)
		if level < 3 {
			il = int32(64 - level)
		}
	}
	c.lower.low(il >> 2)

	// QUANTH
	eh := sat16(xh - c.upper.s)
	ih := int32(3)
	if eh < 0 {
		ih = 1
	}
	if magnitude(eh) >= 564*c.upper.det>>12 {
		ih--
	}
	c.upper.high(ih)
	return byte(ih<<6 | il)
}

func magnitude(e int32) int32 {
	if e < 0 {
		return ^e
	}
	return e
}

// sat15 limits to the 15 bits of a band's signal.
func sat15(v int32) int32 { return max(-16384, min(v, 16383)) }

// decode appends two samples at 16 kHz for each octet.
func (c *g722) decode(dst []int16, codes []byte) []int16 {
	c.begin()
	for _, code := range codes {
		il, ih := int32(code&0x3F), int32(code>>6)
		// INVQBL and INVQBH, with the prediction before the update.
		rl := sat15(c.lower.s + c.lower.det*g722QM6[il]>>15)
		rh := sat15(c.upper.s + c.upper.det*g722QM2[ih]>>15)
		c.lower.low(il >> 2)
		c.upper.high(ih)
		// Receive filter, §4.4.
		copy(c.past[:22], c.past[2:])
		c.past[22], c.past[23] = rl+rh, rl-rh
		var one, two int32
		for i, k := range g722QMF {
			two += c.past[2*i] * k
			one += c.past[2*i+1] * g722QMF[11-i]
		}
		dst = append(dst, int16(sat16(one>>11)), int16(sat16(two>>11)))
	}
	return dst
}

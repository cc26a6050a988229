package dialplan

import (
	"math"
	"math/big"
	"strconv"
	"strings"
)

// number is a value of an expression. Asterisk computes with the 80-bit
// floating point of its processor, whose mantissa has 64 bits; so do we, by
// math/big, wherever int64 is not exact, and the printed digits agree.
type number struct {
	whole int64
	real  *big.Float // nil: whole holds the value
}

// mantissa is the precision of computation in bits.
const mantissa = 64

// exactWhole is the smallest whole number that 18 digits cannot print.
const exactWhole = 1_000_000_000_000_000_000

func wholeNumber(n int64) number { return number{whole: n} }

func truth(b bool) number {
	if b {
		return number{whole: 1}
	}
	return number{}
}

// float returns the value as floating point.
func (n number) float() *big.Float {
	if n.real != nil {
		return n.real
	}
	return new(big.Float).SetPrec(mantissa).SetInt64(n.whole)
}

// normal turns whole floating values that fit back into integers.
func normal(f *big.Float) number {
	if f.IsInt() {
		if i, acc := f.Int64(); acc == big.Exact && i > -exactWhole && i < exactWhole {
			return number{whole: i}
		}
	}
	return number{real: f}
}

func (n number) isZero() bool {
	return n.real == nil && n.whole == 0 || n.real != nil && n.real.Sign() == 0
}

func (n number) compare(m number) int {
	if n.real == nil && m.real == nil {
		switch {
		case n.whole < m.whole:
			return -1
		case n.whole > m.whole:
			return 1
		}
		return 0
	}
	return n.float().Cmp(m.float())
}

func small(n, m number) bool {
	const bound = 1 << 30
	return n.real == nil && m.real == nil && n.whole > -bound && n.whole < bound && m.whole > -bound && m.whole < bound
}

func (n number) add(m number) number {
	if small(n, m) {
		return number{whole: n.whole + m.whole}
	}
	return normal(newFloat().Add(n.float(), m.float()))
}

func (n number) subtract(m number) number {
	if small(n, m) {
		return number{whole: n.whole - m.whole}
	}
	return normal(newFloat().Sub(n.float(), m.float()))
}

func (n number) multiply(m number) number {
	if small(n, m) {
		return number{whole: n.whole * m.whole}
	}
	return normal(newFloat().Mul(n.float(), m.float()))
}

// divide divides by a number that is not zero.
func (n number) divide(m number) number {
	if small(n, m) && n.whole%m.whole == 0 {
		return number{whole: n.whole / m.whole}
	}
	return normal(newFloat().Quo(n.float(), m.float()))
}

// remainder is C's fmod: the sign is the dividend's. m is not zero.
func (n number) remainder(m number) number {
	if n.real == nil && m.real == nil {
		return number{whole: n.whole % m.whole}
	}
	a, b := new(big.Rat), new(big.Rat)
	if !tame(n.float()) || !tame(m.float()) {
		return number{}
	}
	n.float().Rat(a)
	m.float().Rat(b)
	q := new(big.Rat).Quo(a, b)
	whole := new(big.Int).Quo(q.Num(), q.Denom())
	a.Sub(a, new(big.Rat).Mul(b, new(big.Rat).SetInt(whole)))
	return normal(newFloat().SetRat(a))
}

// tame keeps exact arithmetic on fractions from exploding.
func tame(f *big.Float) bool { return !f.IsInf() && f.MantExp(nil) < 4096 && f.MantExp(nil) > -4096 }

func (n number) negate() number {
	if n.real == nil {
		return number{whole: -n.whole}
	}
	return normal(newFloat().Neg(n.real))
}

func newFloat() *big.Float { return new(big.Float).SetPrec(mantissa) }

// String prints at most 18 significant digits, as C's %.18Lg.
func (n number) String() string {
	if n.real == nil && n.whole > -exactWhole && n.whole < exactWhole {
		return strconv.FormatInt(n.whole, 10)
	}
	f := n.float()
	if f.IsInf() {
		return strings.ToLower(strings.TrimPrefix(f.String(), "+"))
	}
	s := f.Text('g', 18)
	if mant, exp, ok := strings.Cut(s, "e"); ok {
		return trimZeros(mant) + "e" + exp
	}
	return trimZeros(s)
}

func trimZeros(s string) string {
	if !strings.Contains(s, ".") {
		return s
	}
	return strings.TrimRight(strings.TrimRight(s, "0"), ".")
}

// parseNumber reads the number a text begins with, as C's strtold reads
// digits and a point.
func parseNumber(s string) number {
	end, point := 0, false
	for end < len(s) && (s[end] >= '0' && s[end] <= '9' || s[end] == '.' && !point) {
		point = point || s[end] == '.'
		end++
	}
	s = s[:end]
	if !point && len(s) <= 18 {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return number{}
		}
		return number{whole: n}
	}
	if len(s) > 4096 {
		return number{real: newFloat().SetInf(false)}
	}
	f, _, err := big.ParseFloat(s, 10, mantissa, big.ToNearestEven)
	if err != nil {
		return number{}
	}
	return normal(f)
}

// fromFloat64 is used for the functions that the C library computes.
func fromFloat64(f float64) number {
	if math.IsNaN(f) {
		return number{}
	}
	if math.IsInf(f, 0) {
		return number{real: newFloat().SetInf(f < 0)}
	}
	return normal(newFloat().SetFloat64(f))
}

func (n number) float64() float64 {
	f, _ := n.float().Float64()
	return f
}

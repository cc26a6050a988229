package dialplan

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
)

// floatPrefix returns the number a text begins with, as C's strtod sees it;
// "0" if it begins with none.
func floatPrefix(s string) string {
	s = strings.TrimSpace(s)
	end, digits := 0, 0
	if end < len(s) && (s[end] == '-' || s[end] == '+') {
		end++
	}
	for point := false; end < len(s) && (s[end] >= '0' && s[end] <= '9' || s[end] == '.' && !point); end++ {
		if s[end] == '.' {
			point = true
		} else {
			digits++
		}
	}
	if digits == 0 {
		return "0"
	}
	return s[:end]
}

func parseFloat(s string) float64 {
	f, err := strconv.ParseFloat(floatPrefix(s), 64)
	if err != nil {
		return 0
	}
	return f
}

// mathOperators in the order in which they are looked for.
var mathOperators = [...]string{"*", "/", "%", "^", "AND", "XOR", "OR", ">>", ">=", ">", "<<", "<=", "<", "==", "+", "-"}

// mathematics is MATH(NUMBER OPERATOR NUMBER[,TYPE]): type int, float (the
// default), hex or char.
func mathematics(_ *Env, args string) (string, error) {
	list := Args(args, 2)
	text := arg(list, 0)
	sign := ""
	if strings.HasPrefix(text, "-") {
		sign, text = "-", text[1:]
	}
	for _, op := range mathOperators {
		if left, right, ok := strings.Cut(text, op); ok {
			return mathResult(parseFloat(sign+left), op, parseFloat(right), arg(list, 1))
		}
	}
	return "", fmt.Errorf("write MATH(NUMBER OPERATOR NUMBER[,TYPE]), not %q", clip(args))
}

func mathResult(a float64, op string, b float64, kind string) (string, error) {
	switch op {
	case ">", ">=", "<", "<=", "==":
		holds := a > b && op[0] == '>' || a < b && op[0] == '<' || a == b && len(op) == 2 && op != ">>" && op != "<<"
		return strings.ToUpper(strconv.FormatBool(holds)), nil
	}
	r, err := mathCompute(a, op, b)
	if err != nil {
		return "", err
	}
	switch strings.ToLower(kind) {
	case "", "float", "f":
		return strconv.FormatFloat(r, 'f', 6, 64), nil
	case "int", "i":
		return strconv.FormatInt(clampInt(r), 10), nil
	case "hex", "h":
		return strconv.FormatUint(uint64(uint32(clampInt(r))), 16), nil
	case "char", "c":
		return string([]byte{byte(clampInt(r))}), nil
	}
	return "", fmt.Errorf("MATH: type %q is none of int, float, hex and char", kind)
}

// clampInt converts to the range of C's int.
func clampInt(f float64) int64 {
	switch {
	case math.IsNaN(f):
		return 0
	case f > math.MaxInt32:
		return math.MaxInt32
	case f < math.MinInt32:
		return math.MinInt32
	}
	return int64(f)
}

func mathCompute(a float64, op string, b float64) (float64, error) {
	x, y := clampInt(a), clampInt(b)
	switch op {
	case "+":
		return a + b, nil
	case "-":
		return a - b, nil
	case "*":
		return a * b, nil
	case "/":
		if b == 0 {
			return 0, nil
		}
		return a / b, nil
	case "%":
		if y == 0 {
			return 0, nil
		}
		return float64(x % y), nil
	case "^":
		return math.Pow(a, b), nil
	case "AND":
		return float64(x & y), nil
	case "OR":
		return float64(x | y), nil
	case "XOR":
		return float64(x ^ y), nil
	}
	if y < 0 || y > 31 {
		return 0, fmt.Errorf("MATH: cannot shift by %d bits", y)
	}
	if op == "<<" {
		return float64(int32(x << y)), nil
	}
	return float64(x >> y), nil
}

// extreme is MIN and MAX of two numbers.
func extreme(sign float64) func(*Env, string) (string, error) {
	return func(_ *Env, args string) (string, error) {
		list, err := need(args, 2, 2, "MIN(NUMBER,NUMBER)")
		if err != nil {
			return "", err
		}
		a, b := parseFloat(list[0]), parseFloat(list[1])
		if (a-b)*sign < 0 {
			a = b
		}
		return shortFloat(a), nil
	}
}

func absolute(_ *Env, args string) (string, error) {
	return shortFloat(math.Abs(parseFloat(args))), nil
}

// shortFloat prints whole numbers without a point, others with six places.
func shortFloat(f float64) string {
	if f == math.Trunc(f) && math.Abs(f) < 1e15 {
		return strconv.FormatFloat(f, 'f', 0, 64)
	}
	return strconv.FormatFloat(f, 'f', 6, 64)
}

// random is RAND([MIN][,MAX]), both included.
func random(_ *Env, args string) (string, error) {
	list := Args(args, 2)
	low, _ := leadingInt(arg(list, 0))
	high, ok := leadingInt(arg(list, 1))
	if !ok {
		high = maxInt
	}
	if low > high {
		low, high = high, low
	}
	return strconv.FormatInt(int64(low)+rand.Int64N(int64(high)-int64(low)+1), 10), nil //nolint:gosec // a dialplan's dice
}

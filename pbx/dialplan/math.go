package dialplan

import "math"

// mathFunction computes the functions that expressions know by themselves.
// Wrong numbers of arguments result in 0.
func mathFunction(name string, args []value) (value, bool) {
	one, two := mathOne[name], mathTwo[name]
	switch {
	case one == nil && two == nil && name != "ABS":
		return value{}, false
	case (one != nil || name == "ABS") && len(args) != 1, two != nil && len(args) != 2:
		return numberValue(number{}), true
	}
	x := make([]number, len(args))
	for i := range args {
		if args[i].number() {
			x[i] = args[i].num
		}
	}
	switch {
	case name == "ABS":
		if x[0].compare(number{}) < 0 {
			return numberValue(x[0].negate()), true
		}
		return numberValue(x[0]), true
	case one != nil:
		return numberValue(fromFloat64(one(x[0].float64()))), true
	default:
		return numberValue(fromFloat64(two(x[0].float64(), x[1].float64()))), true
	}
}

var mathOne = map[string]func(float64) float64{
	"COS": math.Cos, "SIN": math.Sin, "TAN": math.Tan, "ACOS": math.Acos, "ASIN": math.Asin, "ATAN": math.Atan,
	"SQRT": math.Sqrt, "FLOOR": math.Floor, "CEIL": math.Ceil, "ROUND": math.Round, "RINT": math.RoundToEven,
	"TRUNC": math.Trunc, "EXP": math.Exp, "EXP2": math.Exp2, "EXP10": func(x float64) float64 { return math.Pow(10, x) },
	"LOG": math.Log, "LOG2": math.Log2, "LOG10": math.Log10,
}

var mathTwo = map[string]func(x, y float64) float64{
	"ATAN2": math.Atan2, "POW": math.Pow, "REMAINDER": math.Remainder,
}

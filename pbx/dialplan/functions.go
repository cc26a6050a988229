package dialplan

// Functions maps upper-case names to functions.
type Functions map[string]Function

// Function is one dialplan function. Read answers ${NAME(args)}; Write serves
// Set(NAME(args)=value). A nil one is not possible.
type Function struct {
	Read  func(e *Env, args string) (string, error)
	Write func(e *Env, args, value string) error
}

// Builtin returns the functions that need nothing but variables, text and time.
func Builtin() Functions { return Functions{} }

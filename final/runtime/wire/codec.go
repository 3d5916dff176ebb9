package wire

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
)

// Marshal writes a value, or what v points to, as bytes. It takes booleans, numbers, strings, and pointers, slices, arrays,
// maps and structs of what it takes; of a struct it writes the exported fields. It panics on other
// types, such as a non-nil interface: what is sent is fixed by the program, not by its input.
func Marshal(v any) []byte {
	return encode(make([]byte, 0, 4096), reflect.Indirect(reflect.ValueOf(v)))
}

// Unmarshal reads what Marshal wrote for the type that v points to. Data of another type, or damaged
// data, gives an error, or a value that was never sent; it never panics, and it never allocates more
// than a small multiple of the length of the data.
func Unmarshal(data []byte, v any) (err error) {
	d := decoder{data}
	if err := d.decode(reflect.ValueOf(v).Elem()); err != nil {
		return err
	}
	if len(d.rest) != 0 {
		return fmt.Errorf("wire: %d bytes too many", len(d.rest))
	}
	return nil
}

func encode(b []byte, v reflect.Value) []byte {
	switch v.Kind() {
	case reflect.Bool:
		if v.Bool() {
			return append(b, 1)
		}
		return append(b, 0)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return binary.AppendVarint(b, v.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return binary.AppendUvarint(b, v.Uint())
	case reflect.Float32, reflect.Float64:
		return binary.AppendUvarint(b, math.Float64bits(v.Float()))
	case reflect.String:
		b = binary.AppendUvarint(b, uint64(v.Len()))
		return append(b, v.String()...)
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return append(b, 0)
		}
		if v.Kind() == reflect.Pointer {
			return encode(append(b, 1), v.Elem())
		}
	case reflect.Slice:
		if v.IsNil() { // 0 is nil, n+1 a slice of n: an empty list may mean something else than none
			return append(b, 0)
		}
		b = binary.AppendUvarint(b, uint64(v.Len())+1)
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return append(b, v.Bytes()...)
		}
		for i := 0; i < v.Len(); i++ {
			b = encode(b, v.Index(i))
		}
		return b
	case reflect.Array:
		for i := 0; i < v.Len(); i++ {
			b = encode(b, v.Index(i))
		}
		return b
	case reflect.Map:
		if v.IsNil() {
			return append(b, 0)
		}
		b = binary.AppendUvarint(b, uint64(v.Len())+1)
		for i := v.MapRange(); i.Next(); {
			b = encode(encode(b, i.Key()), i.Value())
		}
		return b
	case reflect.Struct:
		for i := 0; i < v.NumField(); i++ {
			if f := v.Field(i); f.CanInterface() {
				b = encode(b, f)
			}
		}
		return b
	}
	panic("wire: cannot send a " + v.Type().String())
}

// A decoder takes its data from the front of rest.
type decoder struct{ rest []byte }

func (d *decoder) uint() (uint64, error) {
	n, size := binary.Uvarint(d.rest)
	if size <= 0 {
		return 0, fmt.Errorf("wire: the data ends early, or is damaged")
	}
	d.rest = d.rest[size:]
	return n, nil
}

// bytes takes n bytes.
func (d *decoder) bytes(n uint64) ([]byte, error) {
	if n > uint64(len(d.rest)) {
		return nil, fmt.Errorf("wire: the data ends early: %d bytes are wanted, and %d are there", n, len(d.rest))
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b, nil
}

func (d *decoder) decode(v reflect.Value) error {
	switch v.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n, size := binary.Varint(d.rest)
		if size <= 0 || v.OverflowInt(n) {
			return fmt.Errorf("wire: a %s is damaged", v.Type())
		}
		d.rest = d.rest[size:]
		v.SetInt(n)
		return nil
	case reflect.Interface:
		b, err := d.bytes(1)
		if err == nil && b[0] != 0 {
			err = fmt.Errorf("wire: a %s cannot be sent", v.Type())
		}
		return err
	case reflect.Struct:
		for i := 0; i < v.NumField(); i++ {
			if f := v.Field(i); f.CanSet() {
				if err := d.decode(f); err != nil {
					return err
				}
			}
		}
		return nil
	case reflect.Array:
		for i := 0; i < v.Len(); i++ {
			if err := d.decode(v.Index(i)); err != nil {
				return err
			}
		}
		return nil
	}

	n, err := d.uint() // all other kinds begin with a number
	if err != nil {
		return err
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(n != 0)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		if v.OverflowUint(n) {
			return fmt.Errorf("wire: a %s is damaged", v.Type())
		}
		v.SetUint(n)
	case reflect.Float32, reflect.Float64:
		v.SetFloat(math.Float64frombits(n))
	case reflect.String:
		b, err := d.bytes(n)
		v.SetString(string(b))
		return err
	case reflect.Pointer:
		if n == 0 {
			return nil
		}
		v.Set(reflect.New(v.Type().Elem()))
		return d.decode(v.Elem())
	case reflect.Slice:
		return d.slice(v, n)
	case reflect.Map:
		return d.mapping(v, n)
	default:
		return fmt.Errorf("wire: cannot receive a %s", v.Type())
	}
	return nil
}

func (d *decoder) slice(v reflect.Value, n uint64) error {
	if n == 0 {
		return nil
	}
	n--
	if v.Type().Elem().Kind() == reflect.Uint8 {
		b, err := d.bytes(n)
		v.SetBytes(append([]byte{}, b...))
		return err
	}
	if n > uint64(len(d.rest)) { // an element takes a byte at least
		return fmt.Errorf("wire: %d elements in %d bytes", n, len(d.rest))
	}
	v.Set(reflect.MakeSlice(v.Type(), int(n), int(n)))
	for i := 0; i < int(n); i++ {
		if err := d.decode(v.Index(i)); err != nil {
			return err
		}
	}
	return nil
}

func (d *decoder) mapping(v reflect.Value, n uint64) error {
	if n == 0 {
		return nil
	}
	v.Set(reflect.MakeMap(v.Type()))
	for ; n > 1; n-- {
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		if err := d.decode(key); err != nil {
			return err
		}
		if err := d.decode(value); err != nil {
			return err
		}
		v.SetMapIndex(key, value)
	}
	return nil
}

// Package fraud proves that nobody spends the desk's money but who may. Its
// test starts real desks beside a carrier that writes down each number it is
// asked to call, takes every path to that carrier by its real entrance (a
// request, a REFER, a redirection, a key in a menu), as every kind of person,
// to every kind of number, and compares what the carrier saw with a table that
// was written from the rules.
//
// It is the auditor of package dial and does not ask it anything.
package fraud

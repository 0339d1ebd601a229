//go:build !race

package canary

const fewPeople = 120

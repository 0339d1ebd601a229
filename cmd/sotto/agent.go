package main

import (
	"context"
	"fmt"

	"sotto"
	"sotto/agent"
	"sotto/desk"
)

type agentCmd struct {
	State   agentStateCmd   `cmd:"" help:"Say whether an agent takes calls: online, away, transfers_only or offline."`
	Today   agentTodayCmd   `cmd:"" help:"List the agents with their states and what they did today (UTC)."`
	Device  agentDeviceCmd  `cmd:"" help:"Give an agent a telephone; prints its user name and password once."`
	Forward agentForwardCmd `cmd:"" help:"Ring an agent at a number outside too."`
	Who     agentWhoCmd     `cmd:"" help:"List an agent's telephones."`
	Drop    agentDropCmd    `cmd:"" help:"Take a telephone or a number outside away from an agent."`
	Groups  agentGroupsCmd  `cmd:"" help:"List the groups and who is in them."`
	Group   agentGroupCmd   `cmd:"" help:"Add a group; prints its id."`
	Enter   agentEnterCmd   `cmd:"" help:"Put an agent into a group; prints the membership's id."`
	Quit    agentQuitCmd    `cmd:"" help:"Take an agent out of a group."`
	Skill   agentSkillCmd   `cmd:"" help:"Give an agent a skill by name, or take it away."`
	Reason  agentReasonCmd  `cmd:"" help:"Add a reason to be away; prints its id."`
	Direct  agentDirectCmd  `cmd:"" help:"Make a line ring one agent alone; 0 makes it everybody's again."`
}

type agentStateCmd struct {
	ID     sotto.PersonID `arg:"" help:"The person's number."`
	State  string         `arg:"" optional:"" enum:"online,away,transfers_only,offline," default:"" help:"online, away, transfers_only or offline."`
	Reason sotto.ReasonID `help:"One of the desk's own reasons, which brings its state."`
}

// DoDesk sets the state.
func (c *agentStateCmd) DoDesk(ctx context.Context, d *desk.Desk, _ streams) error {
	if c.Reason != 0 {
		return d.Agents.SetReason(ctx, sotto.Operator(), c.ID, c.Reason)
	}
	return d.Agents.SetState(ctx, sotto.Operator(), c.ID, agent.State(c.State))
}

type agentTodayCmd struct{}

// DoDesk prints a line for each agent.
func (c *agentTodayCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	all, err := d.Agents.Today(ctx)
	if err != nil {
		return err
	}
	t := s.table("person", "state", "status", "accepted:accepted %d", "declined:declined %d", "missed:missed %d", "talked_seconds:talked %v s", "online_seconds:online %v s")
	for _, f := range all {
		state := string(f.State)
		if f.Reason.Unanswered {
			state += " (offers rang out)"
		}
		t.row(f.Person, state, f.Status, f.Accepted, f.Denied, f.Missed, f.Talk.Seconds(), f.Online().Seconds())
	}
	return t.flush()
}

type agentDeviceCmd struct {
	ID sotto.PersonID `arg:"" help:"The person's number."`
}

// DoDesk adds a telephone.
func (c *agentDeviceCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	dev, secret, err := d.Agents.AddDevice(ctx, sotto.Operator(), c.ID)
	if err == nil {
		fmt.Fprintf(s.out, "%s %s\n", dev.Username, secret)
	}
	return err
}

type agentForwardCmd struct {
	ID     sotto.PersonID `arg:"" help:"The person's number."`
	Number string         `arg:"" help:"The telephone number to ring."`
}

// DoDesk adds the number and prints the device's id.
func (c *agentForwardCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	dev, err := d.Agents.AddForward(ctx, sotto.Operator(), c.ID, c.Number)
	if err == nil {
		fmt.Fprintln(s.out, dev.ID)
	}
	return err
}

type agentWhoCmd struct {
	ID sotto.PersonID `arg:"" help:"The person's number."`
}

// DoDesk lists the telephones.
func (c *agentWhoCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	all, err := d.Agents.Devices(ctx, c.ID)
	for _, dev := range all {
		name := dev.Username
		if name == "" {
			name = string(dev.Kind)
		}
		fmt.Fprintf(s.out, "%d %s\n", dev.ID, name)
	}
	return err
}

type agentDropCmd struct {
	Device sotto.DeviceID `arg:"" help:"The device's id, as who lists it."`
}

// DoDesk takes the device away.
func (c *agentDropCmd) DoDesk(ctx context.Context, d *desk.Desk, _ streams) error {
	return d.Agents.RemoveDevice(ctx, sotto.Operator(), c.Device)
}

type agentGroupsCmd struct{}

// DoDesk lists groups and members.
func (c *agentGroupsCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	groups, err := d.Agents.Groups(ctx)
	if err != nil {
		return err
	}
	in, err := d.Agents.Memberships(ctx)
	if err != nil {
		return err
	}
	t := s.table("id:-", "name:-", "members:-")
	for _, g := range groups {
		members := []map[string]int64{}
		for _, m := range in {
			if m.Group == g.ID {
				members = append(members, map[string]int64{"membership": m.ID, "person": int64(m.Person)})
			}
		}
		t.row(g.ID, g.Name, members)
		t.below("%d %s", g.ID, g.Name)
		for _, m := range members {
			t.below("  membership %d person %d", m["membership"], m["person"])
		}
	}
	return t.flush()
}

type agentGroupCmd struct {
	Name string `arg:"" help:"What the desk calls the group."`
}

// DoDesk adds a group.
func (c *agentGroupCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	g, err := d.Agents.AddGroup(ctx, sotto.Operator(), c.Name)
	if err == nil {
		fmt.Fprintln(s.out, g.ID)
	}
	return err
}

type agentEnterCmd struct {
	ID    sotto.PersonID `arg:"" help:"The person's number."`
	Group sotto.GroupID  `arg:"" help:"The group's id."`
}

// DoDesk puts the agent into the group.
func (c *agentEnterCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	m, err := d.Agents.Enter(ctx, sotto.Operator(), c.ID, c.Group)
	if err == nil {
		fmt.Fprintln(s.out, m.ID)
	}
	return err
}

type agentQuitCmd struct {
	Membership int64 `arg:"" help:"The membership's id."`
}

// DoDesk takes the agent out.
func (c *agentQuitCmd) DoDesk(ctx context.Context, d *desk.Desk, _ streams) error {
	return d.Agents.Quit(ctx, sotto.Operator(), c.Membership)
}

type agentSkillCmd struct {
	ID    sotto.PersonID `arg:"" help:"The person's number."`
	Skill string         `arg:"" help:"What the desk calls the skill; it is made when there is none of that name."`
	Take  bool           `help:"Take the skill away."`
}

// DoDesk gives or takes the skill and prints its id.
func (c *agentSkillCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	k, err := d.Agents.AddSkill(ctx, sotto.Operator(), c.Skill)
	if err != nil {
		return err
	}
	if c.Take {
		return d.Agents.TakeSkill(ctx, sotto.Operator(), c.ID, k.ID)
	}
	fmt.Fprintln(s.out, k.ID)
	return d.Agents.GiveSkill(ctx, sotto.Operator(), c.ID, k.ID)
}

type agentReasonCmd struct {
	Name  string `arg:"" help:"What the desk calls the reason."`
	State string `default:"away" enum:"online,away,transfers_only,offline" help:"The state it brings."`
}

// DoDesk adds a reason.
func (c *agentReasonCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	r, err := d.Agents.AddReason(ctx, sotto.Operator(), c.Name, agent.State(c.State))
	if err == nil {
		fmt.Fprintln(s.out, r.ID)
	}
	return err
}

type agentDirectCmd struct {
	Line sotto.LineID   `arg:"" help:"The line's id."`
	ID   sotto.PersonID `arg:"" help:"The person's number, or 0."`
}

// DoDesk ties the line to the agent.
func (c *agentDirectCmd) DoDesk(ctx context.Context, d *desk.Desk, _ streams) error {
	return d.Agents.SetDirect(ctx, sotto.Operator(), c.Line, c.ID)
}

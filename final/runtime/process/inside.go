package process

import "jocker/final/runtime/step"

// Inside returns the steps that need the container's file system, while it can still be written to.
func (p *Init) Inside() []step.Step {
	var steps []step.Step
	if !p.c.Exec {
		steps = append(steps, p.makeCwd())
	}
	if p.c.Process.Terminal {
		steps = append(steps, p.terminal())
	}
	return steps
}

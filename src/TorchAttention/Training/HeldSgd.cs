using TorchSharp.Modules;

namespace TorchAttention.Training;

/// <summary>TorchSharp's SGD with its steps, bit for bit, and with a hold of the numbers that they hand to libtorch.</summary>
/// <remarks>
/// See <see cref="Held"/>: a collection on behalf of another thread would else end a training sooner or later. State, options and their
/// saving are TorchSharp's.
/// </remarks>
internal sealed class HeldSgd : SGD
{
    /// <param name="groups">What it moves, and how far.</param>
    /// <param name="momentum">The momentum, at least 0 and below 1.</param>
    public HeldSgd(IEnumerable<OptimizerGroup> groups, double momentum)
        : base(
            groups.Select(group => new ParamGroup
            {
                Parameters = group.Parameters,
                Options = new Options { LearningRate = group.LearningRate, weight_decay = group.WeightDecay },
            }),
            1,
            momentum)
    {
    }

    /// <param name="parameters">What it moves.</param>
    /// <param name="learningRate">The learning rate.</param>
    /// <param name="momentum">The momentum, at least 0 and below 1.</param>
    /// <param name="weightDecay">Times the parameter is added to the gradient.</param>
    public HeldSgd(IEnumerable<Parameter> parameters, double learningRate, double momentum = 0, double weightDecay = 0)
        : this([new OptimizerGroup([.. parameters], learningRate, weightDecay)], momentum)
    {
    }

    /// <inheritdoc/>
    public override Tensor step(Func<Tensor>? closure = null) => _step<ParamGroup>(Step, closure);

    private void Step(ParamGroup group)
    {
        Options options = group.Options;
        using Scalar rate = -group.LearningRate;
        using Scalar? momentum = options.momentum > 0 ? options.momentum.Value : null;
        using Scalar? decay = options.weight_decay > 0 ? options.weight_decay.Value : null;
        foreach (Parameter parameter in group.Parameters)
        {
            Tensor? direction = parameter.grad;
            if (direction is null)
            {
                continue;
            }

            if (decay is not null)
            {
                direction = direction.add(parameter, decay);
            }

            if (momentum is not null)
            {
                var state = (State)_state[parameter.Handle];
                if (state.momentum_buffer is null)
                {
                    state.momentum_buffer = direction.clone().DetachFromDisposeScope();
                }
                else
                {
                    state.momentum_buffer.mul_(momentum);
                    state.momentum_buffer.add_(direction, Held.One);
                }

                direction = state.momentum_buffer;
            }

            parameter.add_(direction, rate);
        }
    }
}

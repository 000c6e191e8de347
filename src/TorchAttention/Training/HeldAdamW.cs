using TorchSharp.Modules;

namespace TorchAttention.Training;

/// <summary>
/// TorchSharp's AdamW with its steps, bit for bit, and with a hold of the numbers that they hand to libtorch, as <see cref="HeldSgd"/>.
/// </summary>
internal sealed class HeldAdamW : AdamW
{
    /// <param name="groups">What it moves, and how far.</param>
    public HeldAdamW(IEnumerable<OptimizerGroup> groups)
        : base(groups.Select(group => new ParamGroup
        {
            Parameters = group.Parameters,
            Options = new Options { LearningRate = group.LearningRate, weight_decay = group.WeightDecay },
        }))
    {
    }

    /// <param name="parameters">What it moves.</param>
    /// <param name="learningRate">The learning rate.</param>
    /// <param name="weightDecay">Times the learning rate and the parameter is taken off the parameter.</param>
    public HeldAdamW(IEnumerable<Parameter> parameters, double learningRate, double weightDecay)
        : this([new OptimizerGroup([.. parameters], learningRate, weightDecay)])
    {
    }

    /// <inheritdoc/>
    public override Tensor step(Func<Tensor>? closure = null) => _step<ParamGroup>(Step, closure);

    private void Step(ParamGroup group)
    {
        var options = (Options)group.Options;
        using Scalar kept = 1 - (group.LearningRate * (options.weight_decay ?? 0));
        foreach (Parameter parameter in group.Parameters)
        {
            Tensor? gradient = parameter.grad;
            if (gradient is null)
            {
                continue;
            }

            parameter.mul_(kept);
            var state = (State)_state[parameter.Handle];
            state.step++;
            new AdamStep(group.LearningRate, options.beta1 ?? 0, options.beta2 ?? 0, options.eps ?? 0, state.step)
                .Take(parameter, gradient, state.exp_avg, state.exp_avg_sq);
        }
    }
}

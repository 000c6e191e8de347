using TorchSharp.Modules;

namespace TorchAttention.Training;

/// <summary>
/// TorchSharp's Adam with its steps, bit for bit, and with a hold of the numbers that they hand to libtorch, as <see cref="HeldSgd"/>.
/// </summary>
internal sealed class HeldAdam : Adam
{
    /// <param name="groups">What it moves, and how far.</param>
    public HeldAdam(IEnumerable<OptimizerGroup> groups)
        : base(groups.Select(group => new ParamGroup
        {
            Parameters = group.Parameters,
            Options = new Options { LearningRate = group.LearningRate, weight_decay = group.WeightDecay },
        }))
    {
    }

    /// <param name="parameters">What it moves.</param>
    /// <param name="learningRate">The learning rate.</param>
    /// <param name="weightDecay">Times the parameter is added to the gradient.</param>
    public HeldAdam(IEnumerable<Parameter> parameters, double learningRate, double weightDecay = 0)
        : this([new OptimizerGroup([.. parameters], learningRate, weightDecay)])
    {
    }

    /// <inheritdoc/>
    public override Tensor step(Func<Tensor>? closure = null) => _step<ParamGroup>(Step, closure);

    private void Step(ParamGroup group)
    {
        var options = (Options)group.Options;
        using Scalar? decay = options.weight_decay > 0 ? options.weight_decay.Value : null;
        foreach (Parameter parameter in group.Parameters)
        {
            Tensor? gradient = parameter.grad;
            if (gradient is null)
            {
                continue;
            }

            if (decay is not null)
            {
                gradient = gradient.add(parameter, decay);
            }

            var state = (State)_state[parameter.Handle];
            state.step++;
            new AdamStep(group.LearningRate, options.beta1 ?? 0, options.beta2 ?? 0, options.eps ?? 0, state.step)
                .Take(parameter, gradient, state.exp_avg, state.exp_avg_sq);
        }
    }
}

using TorchAttention.Data;
using TorchAttention.Training;
using TorchSharp.Modules;

namespace TorchAttention.Tests.Training;

/// <summary>A module whose gradients are 3 and 4 and whose losses fail when they are told to.</summary>
internal sealed class Scripted : Module
{
    private readonly int _failingTraining;
    private readonly int _failingValidation;
    private readonly Parameter _first = nn.Parameter(zeros(1));
    private readonly Parameter _second = nn.Parameter(zeros(1));
    private int _trainings;
    private int _validations;

    public Scripted(int failingTraining = 0, int failingValidation = 0)
        : base(nameof(Scripted))
    {
        _failingTraining = failingTraining;
        _failingValidation = failingValidation;
        RegisterComponents();
    }

    public Parameter First => _first;

    public Parameter Second => _second;

    /// <summary>T for each training step and V for each validation step that ran in its own mode; ? for one that did not.</summary>
    public string Modes { get; private set; } = "";

    public override Tensor forward(Tensor input) => input;

    public override Tensor Loss(Tensor yHat, Tensor y) => _first.Times(3).Plus(_second.Times(4)).sum();

    public override optim.Optimizer ConfigureOptimizers() => new HeldSgd(parameters().Cast<Parameter>(), 1);

    public override Tensor TrainingStep(Batch batch)
    {
        Modes += training && is_grad_enabled() ? 'T' : '?';
        return base.TrainingStep(batch).Times(++_trainings == _failingTraining ? double.NaN : 1);
    }

    public override Tensor ValidationStep(Batch batch)
    {
        Modes += training || is_grad_enabled() ? '?' : 'V';
        return base.ValidationStep(batch).Times(++_validations == _failingValidation ? double.NaN : 1);
    }
}

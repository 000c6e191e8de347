namespace TorchAttention.Training.Schedules;

/// <summary>What a schedule counts: where PyTorch's user calls <c>scheduler.step()</c>.</summary>
public enum ScheduleUnit
{
    /// <summary>Steps of the optimiser.</summary>
    Step,

    /// <summary>Epochs.</summary>
    Epoch,
}

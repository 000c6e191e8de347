namespace TorchAttention.Training.Schedules;

/// <summary>One schedule after the other, each from its own beginning: PyTorch's <c>SequentialLR</c>.</summary>
/// <remarks>
/// A part without a length of its own takes the steps up to the next milestone. The parts count as the sequence does, and only the sequence
/// has a warm-up.
/// </remarks>
public sealed record SequentialSchedule : LearningRateSchedule
{
    /// <summary>The schedules, at least one.</summary>
    public required IReadOnlyList<LearningRateSchedule> Parts { get; init; }

    /// <summary>After how many steps the second begins, the third and so on: one less than the parts, rising.</summary>
    public required IReadOnlyList<int> Milestones { get; init; }

    /// <inheritdoc/>
    protected internal override double FactorAt(int t, double length)
    {
        (LearningRateSchedule part, int since, double of) = PartAt(t, length);
        return part.FactorAt(since, of);
    }

    /// <inheritdoc/>
    protected internal override double? MomentumAt(int t, double length)
    {
        (LearningRateSchedule part, int since, double of) = PartAt(t, length);
        return part.MomentumAt(since, of);
    }

    /// <inheritdoc/>
    protected internal override void Check()
    {
        base.Check();
        ArgumentNullException.ThrowIfNull(Parts);
        ArgumentNullException.ThrowIfNull(Milestones);
        if (Parts.Count != Milestones.Count + 1 || Milestones.Prepend(0).Zip(Milestones).Any(pair => pair.Second <= pair.First))
        {
            throw new ArgumentException(
                $"Expected rising milestones, each above 0 and one less than the {Parts.Count} parts, "
                    + $"got [{string.Join(", ", Milestones)}].",
                nameof(Milestones));
        }

        foreach (LearningRateSchedule part in Parts)
        {
            string? problem = part is PlateauSchedule ? "which remembers"
                : part.Unit != Unit ? $"which counts by {part.Unit}"
                : part.WarmupSteps > 0 ? $"with {part.WarmupSteps} steps to warm up"
                : null;
            if (problem is not null)
            {
                throw new ArgumentException(
                    $"Expected parts that count by {Unit}, remember nothing and do not warm up, got {part.GetType().Name}, {problem}.",
                    nameof(Parts));
            }

            part.Check();
        }
    }

    private (LearningRateSchedule Part, int Since, double Length) PartAt(int t, double length)
    {
        int i = Milestones.Count(milestone => milestone <= t);
        int start = i > 0 ? Milestones[i - 1] : 0;
        double end = i < Milestones.Count ? Milestones[i] : length;
        return (Parts[i], t - start, Math.Max(1, end - start));
    }
}

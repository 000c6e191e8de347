using TorchAttention.Training.Schedules;
using TorchSharp.Modules;

namespace TorchAttention.Training;

/// <summary>What a schedule sets before a step.</summary>
internal static class ScheduledStep
{
    /// <summary>Sets learning rate and momentum of the next step.</summary>
    /// <exception cref="InvalidOperationException">The schedule has momenta, the optimiser has none.</exception>
    public static void Prepare(TrainingRun run, LearningRateSchedule schedule, int maxEpochs)
    {
        int batches = run.StepsInAnEpoch;
        run.SetLearningRate(schedule.Factor(run.Step, batches, maxEpochs) * (run.Plateau?.Factor ?? 1));
        if (schedule.Momentum(run.Step, batches, maxEpochs) is not double momentum)
        {
            return;
        }

        foreach (optim.ILearningRateController group in run.Optimizer.ParamGroups)
        {
            switch (group)
            {
                case SGD.ParamGroup sgd:
                    sgd.Options.momentum = momentum;
                    break;
                case Adam.ParamGroup adam:
                    adam.Options.beta1 = momentum;
                    break;
                case AdamW.ParamGroup adamW:
                    adamW.Options.beta1 = momentum;
                    break;
                default:
                    throw new InvalidOperationException(
                        $"Expected SGD, Adam or AdamW for a schedule with momenta, got {OptimizerMemory.NameOf(run.Optimizer)}.");
            }
        }
    }
}

using System.Text.Json;
using TorchAttention.Training.Schedules;

namespace TorchAttention.Tests.Training.Schedules;

/// <summary>Each schedule gives the learning rates and momenta of 60 steps recorded from PyTorch: see Golden/attention/README.md.</summary>
public sealed class GoldenScheduleTests
{
    private const double Base = 0.1;
    private const double Tolerance = 1e-13;
    private static readonly string _folder = Path.Combine(AppContext.BaseDirectory, "Golden", "attention");

    // Rates of PyTorch are absolute; here they are factors of what the optimiser has, 0.1, or of the top of a cycle.
    private static readonly Dictionary<string, (double Rate, LearningRateSchedule Schedule)> _schedules = new()
    {
        ["lr-constant"] = (Base, new ConstantSchedule { StartFactor = 0.25, Length = 12 }),
        ["lr-linear"] = (Base, new LinearSchedule { StartFactor = 0.2, FinalFactor = 0.9, Length = 20 }),
        ["lr-polynomial"] = (Base, new PolynomialSchedule { Power = 2, Length = 45 }),
        ["lr-step"] = (Base, new StepSchedule { Every = 9, Gamma = 0.4 }),
        ["lr-multi-step"] = (Base, new MultiStepSchedule { Milestones = [10, 25, 25, 40], Gamma = 0.3 }),
        ["lr-exponential"] = (Base, new ExponentialSchedule { Gamma = 0.93 }),
        ["lr-cosine-beyond-t-max"] = (Base, new CosineSchedule { Length = 20, FinalFactor = 0.01 }),
        ["lr-cosine-warm-restarts"] = (Base, new WarmRestartsSchedule { FirstLength = 7, Growth = 2, FinalFactor = 0.01 }),
        ["lr-cyclic-triangular"] = (0.1, new CyclicSchedule { LeastFactor = 0.1, StepsUp = 7, StepsDown = 5, Momenta = (0.8, 0.9) }),
        ["lr-cyclic-triangular2"] = (0.1, new CyclicSchedule { StepsUp = 8, Height = CycleHeight.Halved, Momenta = (0.8, 0.9) }),
        ["lr-cyclic-exp-range"] =
            (0.1, new CyclicSchedule { StepsUp = 8, Height = CycleHeight.Exponential, Gamma = 0.97, Momenta = (0.8, 0.9) }),
        ["lr-one-cycle-cos"] = (0.5, new OneCycleSchedule { Length = 61, Momenta = (0.85, 0.95) }),
        ["lr-one-cycle-linear-three-phase"] = (0.5, new OneCycleSchedule
        {
            Length = 61,
            RisingPart = 0.25,
            IsLinear = true,
            HasThreePhases = true,
            StartDivisor = 10,
            FinalDivisor = 100,
            Momenta = (0.8, 0.98),
        }),
        ["lr-one-cycle-no-momentum"] = (0.5, new OneCycleSchedule { Length = 61 }),
        ["lr-sequential-linear-cosine"] = (Base, new SequentialSchedule
        {
            Parts = [new LinearSchedule { StartFactor = 0.1, FinalFactor = 1 }, new CosineSchedule { Length = 40, FinalFactor = 0.01 }],
            Milestones = [10],
        }),
        ["lr-plateau-min-rel"] = (Base, new PlateauSchedule
        {
            Gamma = 0.5,
            Patience = 3,
            Threshold = 1e-2,
            Cooldown = 2,
            LeastFactor = 0.01,
        }),
        ["lr-plateau-max-abs"] = (Base, new PlateauSchedule
        {
            IsHigherBetter = true,
            Gamma = 0.2,
            Patience = 2,
            Threshold = 0.01,
            IsThresholdAbsolute = true,
            LeastChange = 1e-7,
        }),
    };

    public static TheoryData<string> Cases =>
        [.. Directory.GetFiles(_folder, "lr-*.json").Select(file => Path.GetFileNameWithoutExtension(file)!).Order()];

    [Fact]
    public void EveryRecordedSchedule_IsHere() => Assert.Equal(Cases.Select(row => row.Data).Order(), _schedules.Keys.Order());

    [Theory]
    [MemberData(nameof(Cases))]
    public void Steps_HavePyTorchsRatesAndMomenta(string name)
    {
        using var recorded = JsonDocument.Parse(File.ReadAllText(Path.Combine(_folder, name + ".json")));
        double[] rates = Numbers(recorded, "learning_rates");
        double[] momenta = Numbers(recorded, "momenta");
        (double rate, LearningRateSchedule schedule) = _schedules[name];
        schedule.Check();
        PlateauMemory memory = PlateauMemory.Start;
        for (int t = 0; t < rates.Length; t++)
        {
            double now = rate * memory.Factor * schedule.Factor(t, batchCount: 1, rates.Length);
            Assert.True(Math.Abs(now - rates[t]) <= Tolerance * rate, $"step {t}: expected {rates[t]:R}, got {now:R}");
            Assert.Equal(momenta[t], schedule.Momentum(t, batchCount: 1, rates.Length) ?? 0.9, Tolerance);
            if (schedule is PlateauSchedule plateau)
            {
                memory = plateau.After(memory, Numbers(recorded, "metrics")[t]);
            }
        }
    }

    private static double[] Numbers(JsonDocument recorded, string name) =>
        [.. recorded.RootElement.GetProperty(name).EnumerateArray().Select(number => number.GetDouble())];
}

using System.Globalization;
using ScottPlot;
using ScottPlot.TickGenerators;

namespace TorchAttention.Plotting;

/// <summary>
/// Ticks at round places, their numbers written with the digits that tell them apart: 0.25, 12,000, 2.5e-12, 3e10, 1,000,000,003.
/// ScottPlot's own numbers become 0.000000 or rows of digits away from the usual scales.
/// </summary>
internal sealed class Ticks : ITickGenerator
{
    // Outside of these a number is shorter with an exponent.
    private const int LeastPlain = -4;
    private const int MostPlain = 8;

    // Up to here a number is read at a glance, and may be a year.
    private const int MostUngrouped = 3;

    // More digits than this in front of the exponent are harder to read than the whole number, which a float64 holds up to MostDigits.
    private const int LongMantissa = 4;
    private const int MostDigits = 15;

    // Ticks are a tenth of the axis apart, or a twentieth, or a fortieth: two further digits tell them from their neighbours.
    private const int DigitsOfAStep = 3;

    private readonly NumericAutomatic _places = new();

    /// <summary>How close ticks may stand; 1 is as close as their numbers let them.</summary>
    public double Density
    {
        get => _places.TickDensity;
        init => _places.TickDensity = value;
    }

    /// <summary>Whether only whole numbers are marked.</summary>
    public bool IsWhole
    {
        get => _places.IntegerTicksOnly;
        init => _places.IntegerTicksOnly = value;
    }

    public int MaxTickCount
    {
        get => _places.MaxTickCount;
        set => _places.MaxTickCount = value;
    }

    // Those without a number are fifths of the way between two with one.
    Tick[] ITickGenerator.Ticks => IsWhole ? [.. _places.Ticks.Where(tick => double.IsInteger(tick.Position))] : _places.Ticks;

    public void Regenerate(CoordinateRange range, Edge edge, PixelLength size, Paint paint, LabelStyle labelStyle)
    {
        _places.LabelFormatter = value => Number(value, range.Min, range.Max);
        _places.Regenerate(range, edge, size, paint, labelStyle);
    }

    /// <summary>The number of a tick.</summary>
    /// <param name="value">Where the tick is.</param>
    /// <param name="min">The axis's least value.</param>
    /// <param name="max">The axis's largest value, above the least.</param>
    public static string Number(double value, double min, double max)
    {
        int largest = Exponent(Math.Max(Math.Abs(min), Math.Abs(max)));
        int span = Exponent(max - min);

        // What is left of 0.1 + 0.2 - 0.3 is 0 on this axis.
        if (value == 0 || Exponent(value) <= span - MostDigits + DigitsOfAStep)
        {
            return "0";
        }

        bool plain = largest is >= LeastPlain and <= MostPlain || (largest - span >= LongMantissa && largest is >= 0 and < MostDigits);
        string format = plain
            ? (largest > MostUngrouped ? "#,0." : "0.") + new string('#', Math.Clamp(DigitsOfAStep - span, 0, MostDigits))
            : "0." + new string('#', Math.Clamp(Exponent(value) - span + DigitsOfAStep, 0, MostDigits)) + "e0";
        return value.ToString(format, CultureInfo.InvariantCulture);
    }

    /// <summary>A number that stands for itself, as on an axis of powers.</summary>
    /// <param name="value">The number, of few digits.</param>
    public static string Number(double value)
    {
        int exponent = value == 0 || !double.IsFinite(value) ? 0 : Exponent(value);
        string format = exponent is < LeastPlain or > MostPlain ? "0.###e0" : exponent > MostUngrouped ? "#,0.####" : "0.########";
        return value.ToString(format, CultureInfo.InvariantCulture);
    }

    private static int Exponent(double value) => (int)Math.Floor(Math.Log10(Math.Abs(value)));
}

using TorchAttention.Cli.Output;
using TorchAttention.Numerics.OnePass;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Storage;

namespace TorchAttention.Cli.Commands;

/// <summary>Makes kilobytes of a model of many examples.</summary>
internal static class CondenseCommand
{
    private const string Onnx = ".onnx";
    private const string Source = ".cs";
    private const string Tensors = ".safetensors";

    public static Command Create()
    {
        var model = new Option<string>("--model") { Description = "The model, as fit saves it", HelpName = "file", Required = true };
        Option<double?> tolerance = Options.Fraction(
            "--tolerance", "What a mean may be off by, as a part of the range of the means (default 1e-10)");
        var output = new Option<string>("--out")
        {
            Description = $"Where the curve goes: {Tensors} for predict and C#, {Source} for C# source without dependencies, {Onnx} for "
                + "onnxruntime",
            HelpName = "file",
            Required = true,
        };
        const string purpose = "Condense a model of one feature to polynomials with a proved bound: kilobytes for any number of rows";
        var command = new Command("condense", purpose) { model, tolerance, output };
        command.SetAction(parsed => Run(
            parsed.GetValue(model)!, parsed.GetValue(tolerance) ?? 1e-10, parsed.GetValue(output)!));
        return command;
    }

    private static int Run(string path, double tolerance, string output)
    {
        OutputPath.Check("--out", output);
        OutputPath.Differs("--out", output, path, "the model");
        string ending = Path.GetExtension(output).ToLowerInvariant();
        if (ending is not (Tensors or Source or Onnx))
        {
            throw CliException.WrongInput(
                $"--out: expected a file that ends in {Tensors}, {Source} or {Onnx}, got '{PlainText.Brief(output)}'");
        }

        if (tolerance < CondensedCurve.LeastTolerance)
        {
            throw CliException.WrongInput($"--tolerance: expected at least {CondensedCurve.LeastTolerance}, got {tolerance}");
        }

        var file = SafeTensorsFile.Read(path);
        CondensedCurve curve;
        IReadOnlyDictionary<string, string> notes;
        if (file.Metadata.GetValueOrDefault("model") == CondensedCurve.ModelName)
        {
            (curve, notes) = CondensedCurve.Load(path, file);
            if (ending == Tensors)
            {
                throw CliException.WrongInput(
                    $"--model: {PlainText.Brief(path)} is condensed already; --out with {Source} writes it as source, with {Onnx} as ONNX");
            }
        }
        else if (file.Metadata.GetValueOrDefault("model") == CondensedCurves.ModelName)
        {
            throw CliException.WrongInput(
                $"--model: {PlainText.Brief(path)} is condensed already, and has several curves, which are for predict and C# alone");
        }
        else
        {
            (KernelRegression model, notes) = KernelRegression.Load(path, file);
            if (KernelRegressionExtensions.Obstacle(model) is string other)
            {
                throw CliException.WrongInput($"--model: expected {KernelRegressionExtensions.Condensable}, got one with {other}");
            }

            if (model.Columns > 1 || model.Classes.Count > 0)
            {
                return SaveColumns(model, notes, tolerance, output, ending);
            }

            curve = model.Condense(tolerance);
        }

        switch (ending)
        {
            case Source:
                WholeFile.WriteText(output, writer => curve.WriteSource(writer, Path.GetFileNameWithoutExtension(output)));
                break;
            case Onnx:
                WholeFile.Write(output, stream => curve.WriteOnnx(stream, notes));
                break;
            default:
                curve.Save(output, notes);
                break;
        }

        Console.WriteLine($"{output}: {curve.Pieces} pieces for {curve.Count} examples, {Proved(curve)}; "
            + $"{new FileInfo(output).Length} bytes");
        return ExitCode.Done;
    }

    private static int SaveColumns(
        KernelRegression model, IReadOnlyDictionary<string, string> notes, double tolerance, string output, string ending)
    {
        if (ending != Tensors)
        {
            throw CliException.WrongInput(
                $"--out: expected a file that ends in {Tensors} for a model of several curves, got '{PlainText.Brief(output)}'");
        }

        CondensedCurves curves = model.CondenseColumns(tolerance);
        curves.Save(output, notes);
        foreach ((int c, CondensedCurve curve) in curves.Curves.Index())
        {
            string name = model.Classes.Count > 0 ? PlainText.Brief(model.Classes[c]) : $"column {c + 1}";
            Console.WriteLine($"{name}: {curve.Pieces} pieces, {Proved(curve)}");
        }

        Console.WriteLine($"{output}: {curves.Columns} curves for {curves.Count} examples; {new FileInfo(output).Length} bytes");
        return ExitCode.Done;
    }

    private static string Proved(CondensedCurve curve)
    {
        string estimates = curve.Estimates > 0
            ? $"{curve.Estimates} of them {(curve.IsProved ? "estimates, of which nothing is proved" : "where no row is in reach")}"
            : "";
        string within = $"within {Digits.Short(curve.Bound)} of the fit{(curve.IsProved ? ", proved" : " where they were compared")}";
        return curve.Estimates == curve.Pieces ? "an estimate of the fit"
            : estimates.Length > 0 ? $"{estimates}; the others {within}"
            : within;
    }
}

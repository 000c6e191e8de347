using Mono.Cecil;
using Mono.Cecil.Cil;
using TorchAttention.Plotting;
using TorchAttention.Tests.Console;

namespace TorchAttention.Tests.Architecture;

/// <summary>
/// TorchSharp hands libtorch the address of a number (a <c>Scalar</c>), or of torch's own generator, that nothing keeps alive: a collection
/// on behalf of another thread may free it before it is read. The library therefore holds every such object, and calls no method of
/// TorchSharp that makes one by itself; so do the tests, which run beside each other.
/// </summary>
public sealed class HeldNumbersTests
{
    private const string Scalar = "TorchSharp.Scalar";
    private const string Generator = "TorchSharp.torch/Generator";

    private static readonly ReaderParameters _withLines =
        new() { ReadSymbols = true, SymbolReaderProvider = new DefaultSymbolReaderProvider(throwIfNoSymbol: false) };

    public static TheoryData<string> Assemblies =>
    [
        typeof(LibTorch).Assembly.Location,
        typeof(Figures).Assembly.Location,
        Path.Combine(Path.GetDirectoryName(ConsoleProcess.Executable)!, "TorchAttention.Console.dll"),
        typeof(HeldNumbersTests).Assembly.Location,
    ];

    private static readonly Lazy<HashSet<string>> _makers = new(Makers);

    [Fact]
    public void TorchSharp_StillMakesNumbersThatNobodyHolds()
    {
        HashSet<string> makers = _makers.Value;
        Assert.Contains("TorchSharp.torch/Tensor TorchSharp.torch/Tensor::add(TorchSharp.torch/Tensor)", makers);
        Assert.Contains("TorchSharp.torch/Tensor TorchSharp.torch/Tensor::square()", makers);
        Assert.Contains(
            "TorchSharp.torch/Tensor TorchSharp.torch/Tensor::op_Addition(TorchSharp.torch/Tensor,TorchSharp.torch/Tensor)", makers);
        Assert.DoesNotContain("TorchSharp.torch/Tensor TorchSharp.torch/Tensor::sub(TorchSharp.torch/Tensor)", makers);
        Assert.Contains("TorchSharp.torch/Tensor TorchSharp.torch::get_rng_state()", makers);
        Assert.DoesNotContain("TorchSharp.torch/Generator TorchSharp.torch::manual_seed(System.Int64)", makers);
    }

    [Theory]
    [MemberData(nameof(Assemblies))]
    public void Assembly_HoldsEveryNumberThatLibTorchReads(string assembly)
    {
        HashSet<string> makers = _makers.Value;
        using ModuleDefinition module = ModuleDefinition.ReadModule(assembly, _withLines);
        string[] loose =
        [
            .. Methods(module).SelectMany(
                method => method.Body.Instructions.Where(instruction => IsLoose(instruction) || Calls(instruction, makers))
                .Select(instruction => $"{PlaceOf(instruction, method)}: {((MethodReference)instruction.Operand).FullName}")),
        ];
        Assert.True(loose.Length == 0, string.Join('\n', loose));
    }

    // Methods of TorchSharp that make a number and pass it on at once, and those that call them.
    private static HashSet<string> Makers()
    {
        using ModuleDefinition torchSharp = ModuleDefinition.ReadModule(typeof(torch).Assembly.Location);
        List<MethodDefinition> methods = [.. Methods(torchSharp)];
        HashSet<string> makers = [.. methods.Where(method => method.Body.Instructions.Any(IsLoose)).Select(method => method.FullName)];
        for (int before = 0; makers.Count > before;)
        {
            before = makers.Count;
            makers.UnionWith(
                methods.Where(method => method.Body.Instructions.Any(instruction => Calls(instruction, makers))).Select(
                method => method.FullName));
        }

        return makers;
    }

    private static IEnumerable<MethodDefinition> Methods(ModuleDefinition module) =>
        module.GetTypes().SelectMany(type => type.Methods).Where(method => method.HasBody);

    // A test's lambdas have names that say little; so the line where there are symbols.
    private static string PlaceOf(Instruction instruction, MethodDefinition method)
    {
        SequencePoint? point = method.DebugInformation.SequencePoints.LastOrDefault(
            point => point.Offset <= instruction.Offset && !point.IsHidden);
        return point is null
            ? $"{method.DeclaringType.FullName}.{method.Name}"
            : $"{Path.GetRelativePath(ConsoleProcess.Repository, point.Document.Url)}:{point.StartLine}";
    }

    private static bool Calls(Instruction instruction, HashSet<string> makers) =>
        instruction.Operand is MethodReference method && makers.Contains(method.FullName);

    // A number made from a plain one, or a generator of TorchSharp's.
    private static bool IsLoose(Instruction instruction) =>
        instruction.Operand is MethodReference method
        && (method.ReturnType.FullName == Scalar ? method.Parameters.Count == 1 && method.Name is "op_Implicit" or "ToScalar"
            : method.ReturnType.FullName == Generator && !method.HasThis
                && method.DeclaringType.FullName.StartsWith("TorchSharp.", StringComparison.Ordinal))
        && !IsKept(instruction.Next);

    // In a variable, a field or as a method's result, or let go at once.
    private static bool IsKept(Instruction next) =>
        next.OpCode.Code is Code.Pop or Code.Ret or Code.Stsfld or Code.Stloc or Code.Stloc_S
            or Code.Stloc_0 or Code.Stloc_1 or Code.Stloc_2 or Code.Stloc_3
        || next.Operand is MethodReference { Name: "Dispose" };
}

namespace TorchAttention.Tests;

public sealed class LibTorchTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("torchattention-").FullName;

    public LibTorchTests()
    {
        LibTorch.EnsureLoaded();
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void NeededVersion_IsTheOneThatTorchSharpWasBuiltFor() =>
        Assert.StartsWith($"{LibTorch.NeededVersion}.", torch.__version__, StringComparison.Ordinal);

    [Fact]
    public void Loaded_TellsVersionAndFolder()
    {
        Assert.StartsWith($"{LibTorch.NeededVersion}.", LibTorch.LoadedVersion, StringComparison.Ordinal);
        Assert.NotEmpty(Directory.GetFiles(LibTorch.LoadedFrom!, "*torch_cpu*"));
    }

    [Fact]
    public void SameFolderAgain_ChangesNothing()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Elsewhere a program that carries a libtorch cannot choose one.");
        string loaded = LibTorch.LoadedFrom!;

        LibTorch.EnsureLoaded(loaded);
        LibTorch.EnsureLoaded(Path.GetRelativePath(Environment.CurrentDirectory, loaded));

        Assert.Equal(loaded, LibTorch.LoadedFrom);
    }

    [Fact]
    public void OtherFolderAfterTheFirstTensor_IsRefused()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The native libraries have other names elsewhere.");
        File.WriteAllText(Path.Combine(_folder, "libtorch_cpu.so"), "");

        var e = Assert.Throws<LibTorchNotLoadedException>(() => LibTorch.EnsureLoaded(_folder));

        Assert.Equal(
            $"'{_folder}' comes too late: libtorch is loaded already, from '{LibTorch.LoadedFrom}'; it has to be named before the first "
            + $"tensor", e.Message);
        Assert.Equal(_folder, e.Directory);
    }
}

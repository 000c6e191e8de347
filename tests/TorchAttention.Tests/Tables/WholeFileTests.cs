using System.Diagnostics;
using TorchAttention.Numerics.Tables;

namespace TorchAttention.Tests.Tables;

public sealed class WholeFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("wholefile-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Failure_LeavesTheFileAsItWas()
    {
        string path = PathOf("a");
        File.WriteAllText(path, "before");
        Assert.Throws<InvalidOperationException>(() => WholeFile.WriteText(path, writer =>
        {
            writer.Write("half");
            throw new InvalidOperationException();
        }));
        Assert.Equal("before", File.ReadAllText(path));
        Assert.Equal([path], Directory.GetFiles(_folder));
    }

    [Fact]
    public void Link_StaysAndItsTargetIsReplaced()
    {
        File.WriteAllText(PathOf("target"), "before");
        File.CreateSymbolicLink(PathOf("link"), "target");
        WholeFile.WriteText(PathOf("link"), writer => writer.Write("after"));
        Assert.Equal("target", new FileInfo(PathOf("link")).LinkTarget);
        Assert.Equal("after", File.ReadAllText(PathOf("target")));
    }

    [Fact]
    public void Permissions_Stay()
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Skip("Windows has other permissions.");
            return;
        }

        File.WriteAllText(PathOf("secret"), "before");
        File.SetUnixFileMode(PathOf("secret"), UnixFileMode.UserRead | UnixFileMode.UserWrite);
        WholeFile.WriteText(PathOf("secret"), writer => writer.Write("after"));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(PathOf("secret")));
    }

    [Fact]
    public void WhatAKilledWriterLeft_IsDeletedByTheNextOfThatName()
    {
        string left = PathOf($".a.csv.{Guid.NewGuid():N}.tmp");
        string[] others = [PathOf($".b.csv.{Guid.NewGuid():N}.tmp"), PathOf(".a.csv.backup.tmp"), PathOf($"a.csv.{Guid.NewGuid():N}.tmp")];
        Array.ForEach([left, .. others], file => File.WriteAllText(file, "half"));

        WholeFile.WriteText(PathOf("a.csv"), writer => writer.Write("whole"));

        Assert.Equal(
            [.. others.Append(PathOf("a.csv")).Order(StringComparer.Ordinal)], Directory.GetFiles(_folder).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void WritersOfOneName_LeaveEachOtherAlone()
    {
        WholeFile.WriteText(PathOf("a"), outer =>
        {
            outer.Write("outer");
            outer.Flush();
            WholeFile.WriteText(PathOf("a"), inner => inner.Write("inner"));
            Assert.Equal("inner", File.ReadAllText(PathOf("a")));
        });
        Assert.Equal("outer", File.ReadAllText(PathOf("a")));

        Parallel.For(0, 200, i => WholeFile.WriteText(PathOf("b"), writer => writer.Write(new string('x', 100_000))));
        Assert.Equal(new string('x', 100_000), File.ReadAllText(PathOf("b")));
        Assert.Equal([PathOf("a"), PathOf("b")], Directory.GetFiles(_folder).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Pipe_IsWrittenTo()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The pipe is made by mkfifo(1).");
        string pipe = PathOf("pipe");
        await Process.Start("mkfifo", [pipe])!.WaitForExitAsync(TestContext.Current.CancellationToken);
        Task<string> read = Task.Run(() => File.ReadAllText(pipe), TestContext.Current.CancellationToken);
        WholeFile.WriteText(pipe, writer => writer.Write("through"));
        Assert.Equal("through", await read);
        Assert.True(SpecialFile.Is(pipe));
        Assert.False(SpecialFile.Is(_folder));
        Assert.False(SpecialFile.Is(PathOf("nothing")));
    }

    [Fact]
    public void Device_StaysADevice()
    {
        string device = PathOf("null");
        Assert.SkipUnless(OperatingSystem.IsLinux() && Made(device), "Making a device needs rights.");
        WholeFile.WriteText(device, writer => writer.Write("gone"));
        Assert.True(SpecialFile.Is(device));
    }

    private static bool Made(string device)
    {
        using Process made = Process.Start(new ProcessStartInfo("mknod", [device, "c", "1", "3"]) { RedirectStandardError = true })!;
        made.WaitForExit();
        try
        {
            // Some file systems let nobody open one.
            File.OpenWrite(device).Dispose();
            return made.ExitCode == 0;
        }
        catch (UnauthorizedAccessException)
        {
            return false;
        }
    }

    private string PathOf(string file) => Path.Combine(_folder, file);
}

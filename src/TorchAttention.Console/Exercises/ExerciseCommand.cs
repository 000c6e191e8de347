using System.CommandLine;

namespace TorchAttention.Cli.Exercises;

/// <summary>The chapter's exercises.</summary>
internal static class ExerciseCommand
{
    public static Command Create()
    {
        return new Command("exercise", "Run one of the chapter's exercises, 1 to 4");
    }
}

namespace Granary.Testing.Processes;

/// <summary>Finds files of the checked-out tree from a test that runs in its own output folder.</summary>
public static class RepositoryPath
{
    /// <summary>The folder that holds the solution.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>Joins <paramref name="parts"/> to the folder that holds the solution.</summary>
    public static string Of(params string[] parts) => Path.Combine([Root, .. parts]);

    /// <summary>The output folder of another project, built in the same configuration as the running test.</summary>
    public static string OutputOf(string project)
    {
        // .../bin/{configuration}/{framework}
        var framework = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar));
        return Of(project, "bin", framework.Parent?.Name ?? "", framework.Name);
    }

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Cluster.sln")))
            {
                return folder.FullName;
            }
        }

        throw new DirectoryNotFoundException($"No Cluster.sln above {AppContext.BaseDirectory}.");
    }
}

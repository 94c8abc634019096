using Granary.Testing.Processes;

namespace Granary.Compat.Tests.Clients;

/// <summary>The packages that Node/package.json names, installed into .build (outside git) unless exactly these are there.</summary>
internal static class NodeModules
{
    private static readonly TimeSpan InstallLimit = TimeSpan.FromMinutes(2);
    private static readonly Lazy<Task<string>> Installed = new(InstallAsync);

    /// <summary>The folder of the packages.</summary>
    public static Task<string> FolderAsync() => Installed.Value;

    private static async Task<string> InstallAsync()
    {
        var wanted = await File.ReadAllTextAsync(RepositoryPath.Of("tests", "Compat", "Node", "package.json"));
        var folder = RepositoryPath.Of(".build", "npm");
        var installed = Path.Combine(folder, "installed");
        if (!File.Exists(installed) || await File.ReadAllTextAsync(installed) != wanted)
        {
            Directory.CreateDirectory(folder);
            await File.WriteAllTextAsync(Path.Combine(folder, "package.json"), wanted);
            await ChildProcess.RunAsync(
                "npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts"], InstallLimit, folder: folder);
            await File.WriteAllTextAsync(installed, wanted);
        }

        return Path.Combine(folder, "node_modules");
    }
}

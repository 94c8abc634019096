using Granary.Testing.Processes;

namespace Granary.Web.Tests;

/// <summary>The packages that package.json names, installed into .build (outside git) unless exactly these are there.</summary>
internal static class WebPackages
{
    private static readonly TimeSpan InstallLimit = TimeSpan.FromMinutes(3);
    private static readonly Lazy<Task<string>> Installed = new(InstallAsync);

    /// <summary>The folder that has them.</summary>
    public static Task<string> FolderAsync() => Installed.Value;

    private static async Task<string> InstallAsync()
    {
        var folder = RepositoryPath.Of(".build", "npm-web");
        var installed = Path.Combine(folder, "installed");
        var lockFile = await File.ReadAllTextAsync(RepositoryPath.Of("tests", "Web", "package-lock.json"));
        if (!File.Exists(installed) || await File.ReadAllTextAsync(installed) != lockFile)
        {
            Directory.CreateDirectory(folder);
            foreach (var file in (string[])["package.json", "package-lock.json", ".npmrc"])
            {
                File.Copy(RepositoryPath.Of("tests", "Web", file), Path.Combine(folder, file), overwrite: true);
            }

            await ChildProcess.RunAsync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], InstallLimit, folder: folder);
            await File.WriteAllTextAsync(installed, lockFile);
        }

        return folder;
    }
}

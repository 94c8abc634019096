using System.Text.RegularExpressions;
using System.Xml.Linq;
using Granary.Testing.Processes;

namespace Granary.Chart.Tests;

/// <summary>The image is built by hand alone: what it would miss is told here. Needs neither helm nor containers.</summary>
public sealed partial class DockerfileTests
{
    private static readonly string Text = File.ReadAllText(RepositoryPath.Of("k8s", "Dockerfile"));

    [Fact]
    public void Image_Built_HasEachProjectThatTheNodeAndBenchNeed()
    {
        var needed = Needed("node/Granary.Node.csproj").Append("bench/Granary.Bench.csproj").Order(StringComparer.Ordinal).Distinct();

        Assert.Equal(needed, ProjectCopy().Matches(Text).Select(match => match.Groups[1].Value).Order(StringComparer.Ordinal));
        Assert.All(needed, project => Assert.Contains($"COPY {Path.GetDirectoryName(project)} {Path.GetDirectoryName(project)}\n", Text, StringComparison.Ordinal));
    }

    [Fact]
    public void Image_Built_HasOfTheRepositoryWhatIsNotIgnored()
    {
        var allowed = File.ReadAllLines(RepositoryPath.Of(".dockerignore")).Where(line => line.StartsWith('!')).Select(line => line[1..]).ToList();

        Assert.All(SourceCopy().Matches(Text).SelectMany(match => match.Groups[1].Value.Split(' ')), path => Assert.Contains(
            allowed, pattern => path.Split('/')[0] == pattern || Regex.IsMatch(path, $"^{Regex.Escape(pattern).Replace(@"\*", ".*", StringComparison.Ordinal)}$")));
    }

    [Fact]
    public void Process_InTheImage_IsNotRootAndGetsTheSignal()
    {
        var last = Text[Text.LastIndexOf("\nFROM ", StringComparison.Ordinal)..];

        // By number: Kubernetes cannot tell of a name whether it is root's. The list of words: no shell between the signal and the process.
        Assert.Contains("\nUSER 1654:1654\n", last, StringComparison.Ordinal);
        Assert.Contains("\nENTRYPOINT [\"dotnet\", \"/app/Granary.Node.dll\"]\n", last, StringComparison.Ordinal);
    }

    private static IEnumerable<string> Needed(string project)
    {
        var folder = Path.GetDirectoryName(project)!;
        return XDocument.Load(RepositoryPath.Of(project)).Descendants("ProjectReference")
            .SelectMany(reference => Needed(Path.GetRelativePath(RepositoryPath.Root, Path.GetFullPath(RepositoryPath.Of(folder, reference.Attribute("Include")!.Value)))))
            .Append(project).Distinct();
    }

    [GeneratedRegex(@"^COPY (\S+\.csproj) ", RegexOptions.Multiline)]
    private static partial Regex ProjectCopy();

    [GeneratedRegex(@"^COPY (?!--)(.+) \S+$", RegexOptions.Multiline)]
    private static partial Regex SourceCopy();
}

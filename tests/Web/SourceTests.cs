using System.Text.Json;
using System.Text.RegularExpressions;
using Granary.Testing.Processes;

namespace Granary.Web.Tests;

/// <summary>The page's sources, without a browser.</summary>
public sealed partial class SourceTests
{
    private static readonly TimeSpan CompilerLimit = TimeSpan.FromMinutes(2);

    [Fact]
    public void Catalogues_OfAllLanguages_HaveTheSameTexts()
    {
        var (english, chinese) = (Read("en"), Read("zh"));
        Assert.Equal(english.Keys.Order(StringComparer.Ordinal), chinese.Keys.Order(StringComparer.Ordinal));
        Assert.All(english, text => Assert.Equal(Names(text.Value), Names(chinese[text.Key])));
        Assert.All(chinese, text => Assert.NotEqual("", text.Value.Trim()));
    }

    [Fact]
    public void Catalogue_HasNoTextThatNobodyShows()
    {
        var sources = string.Join('\n', Directory.GetFiles(RepositoryPath.Of("web", "src"), "*.ts*", SearchOption.AllDirectories).Select(File.ReadAllText));
        var computed = Computed().Matches(sources).Select(match => match.Groups[1].Value).ToArray();
        Assert.All(Read("en").Keys, key => Assert.True(sources.Contains($"'{key}'", StringComparison.Ordinal) || computed.Any(prefix => key.StartsWith(prefix, StringComparison.Ordinal)), key));
    }

    [Fact]
    public async Task Types_OfAllSources_Hold()
    {
        var compiler = Path.Combine(await WebPackages.FolderAsync(), "node_modules", "typescript", "bin", "tsc");
        await ChildProcess.RunAsync("node", [compiler, "--noEmit", "-p", RepositoryPath.Of("web")], CompilerLimit);
    }

    [Theory]
    [InlineData("web")]
    [InlineData("tests/Web")]
    public void LockFile_NamesNoHostToFetchFrom(string folder) =>
        Assert.DoesNotContain("\"resolved\"", File.ReadAllText(RepositoryPath.Of([.. folder.Split('/'), "package-lock.json"])), StringComparison.Ordinal);

    private static Dictionary<string, string> Read(string language) =>
        JsonSerializer.Deserialize<Dictionary<string, string>>(File.ReadAllText(RepositoryPath.Of("web", "src", "locales", $"{language}.json")))!;

    private static IEnumerable<string> Names(string text) => Name().Matches(text).Select(match => match.Value).Order(StringComparer.Ordinal).Distinct();

    [GeneratedRegex(@"\{\w+\}")]
    private static partial Regex Name();

    // t(`nav.${name}`)
    [GeneratedRegex(@"t\(`([a-z]+\.)\$\{")]
    private static partial Regex Computed();
}

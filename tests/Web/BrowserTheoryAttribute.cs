namespace Granary.Web.Tests;

/// <summary>Needs Debian's chromium, which test.sh installs.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class BrowserTheoryAttribute : TheoryAttribute
{
    internal const string Browser = "/usr/bin/chromium";

    public BrowserTheoryAttribute() => Skip = File.Exists(Browser) ? null : $"There is no {Browser} (apt-get install chromium).";
}

"""Files of other tools: JUnit and Allure."""
